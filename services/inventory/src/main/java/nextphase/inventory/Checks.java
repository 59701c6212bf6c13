package nextphase.inventory;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import nextphase.inventory.telemetry.Check;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.jdbc.core.JdbcTemplate;

/** What the service's health depends on. */
@Configuration(proxyBeanMethods = false)
class Checks {
    private static final Duration TIMEOUT = Duration.ofSeconds(2);

    @Bean
    @Order(1)
    Check databaseCheck(JdbcTemplate jdbc) {
        return new Check("database", true, () -> jdbc.execute("SELECT 1"));
    }

    @Bean
    @Order(2)
    @ConditionalOnProperty("COLLECTOR_HEALTH_URL")
    Check collectorCheck(Settings settings, HttpClient client) {
        HttpRequest request =
                HttpRequest.newBuilder(settings.collectorHealthUrl()).timeout(TIMEOUT).build();
        return new Check("collector", false, () -> {
            int status = client.send(request, BodyHandlers.discarding()).statusCode();
            if (status != 200) {
                throw new IOException("the collector answers " + status);
            }
        });
    }
}
