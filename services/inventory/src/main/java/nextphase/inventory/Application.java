package nextphase.inventory;

import java.net.http.HttpClient;
import java.time.Duration;
import java.util.Map;
import nextphase.inventory.Settings.BadSettings;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.autoconfigure.web.servlet.error.ErrorMvcAutoConfiguration;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.support.GenericApplicationContext;

/** The inventory service: stock and reservations. */
@SpringBootApplication(exclude = ErrorMvcAutoConfiguration.class)
public class Application {
    /** Exit code for a wrong environment, as sysexits.h has it. */
    private static final int EX_CONFIG = 78;

    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(2);

    public static void main(String[] arguments) {
        try {
            start(Settings.read(System.getenv()), arguments);
        } catch (BadSettings error) {
            System.err.println("inventory: " + error.getMessage());
            System.exit(EX_CONFIG);
        }
    }

    private static void start(Settings settings, String[] arguments) {
        SpringApplication application = new SpringApplication(Application.class);
        application.setDefaultProperties(Map.of("server.address", settings.host(), "server.port", settings.port()));
        application.addInitializers((ApplicationContextInitializer<GenericApplicationContext>)
                context -> context.registerBean(Settings.class, () -> settings));
        application.run(arguments);
    }

    @Bean
    HttpClient httpClient() {
        return HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT_TIMEOUT)
                .proxy(HttpClient.Builder.NO_PROXY) // no proxy of the machine's sees what the service sends
                .build();
    }
}
