package nextphase.inventory;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * What the environment says, read once at start.
 *
 * @param host address to listen on
 * @param port port to listen on
 * @param maxBodyBytes the longest body taken, in bytes: as much as services nginx passes on
 * @param database where the service's database is
 * @param collectorHealthUrl answers 200 while the collector is well; null if that was not told
 * @param instance name of this instance of the platform
 * @param process name of this process among the service's
 */
public record Settings(
        String host,
        int port,
        int maxBodyBytes,
        Database database,
        URI collectorHealthUrl,
        String instance,
        String process) {

    // 1 MiB as an event: in base64, with its attributes.
    private static final String MAX_BODY_BYTES = String.valueOf(1024 * 1024 * 4 / 3 + 128 * 1024);

    /** A database for the JDBC driver; its password comes from PGPASSFILE, which the driver reads itself. */
    public record Database(String url, String user) {}

    /** The environment is wrong; the message names every variable at fault. */
    public static final class BadSettings extends Exception {
        BadSettings(List<String> faults) {
            super(String.join("; ", faults));
        }
    }

    /** Reads the whole environment, or refuses it whole. */
    public static Settings read(Map<String, String> environment) throws BadSettings {
        Reader reader = new Reader(environment);
        String host = reader.text("HOST", "127.0.0.1");
        Integer port = reader.parse("PORT", Settings::port);
        Integer maxBodyBytes = reader.parse("MAX_BODY_BYTES", MAX_BODY_BYTES, Settings::positive);
        Database database = reader.parse("DATABASE_URL", Settings::database);
        URI collectorHealthUrl = environment.containsKey("COLLECTOR_HEALTH_URL")
                ? reader.parse("COLLECTOR_HEALTH_URL", Settings::http)
                : null;
        String instance = reader.text("NEXTPHASE_INSTANCE", "default");
        String process = reader.text("SERVICE_INSTANCE_ID", "inventory-1");
        if (!reader.faults.isEmpty()) {
            throw new BadSettings(reader.faults);
        }
        return new Settings(host, port, maxBodyBytes, database, collectorHealthUrl, instance, process);
    }

    private static int positive(String text) {
        int number = Integer.parseInt(text);
        if (number < 1) {
            throw new IllegalArgumentException("not positive");
        }
        return number;
    }

    private static int port(String text) {
        int port = Integer.parseInt(text);
        if (port < 1 || port > 65535) {
            throw new IllegalArgumentException("not between 1 and 65535");
        }
        return port;
    }

    /** libpq's URL, which every service gets, in the driver's words. */
    private static Database database(String text) {
        URI url = URI.create(text);
        if (!List.of("postgresql", "postgres").contains(String.valueOf(url.getScheme()))
                || url.getHost() == null
                || url.getPath().length() < 2) {
            throw new IllegalArgumentException("not of the form postgresql://user@host:port/database");
        }
        if (url.getUserInfo() == null || url.getUserInfo().contains(":")) {
            throw new IllegalArgumentException("needs a user and no password: that belongs into PGPASSFILE");
        }
        int port = url.getPort() == -1 ? 5432 : url.getPort();
        return new Database(
                "jdbc:postgresql://%s:%d%s".formatted(url.getHost(), port, url.getRawPath()), url.getUserInfo());
    }

    private static URI http(String text) {
        URI url = URI.create(text);
        if (!List.of("http", "https").contains(String.valueOf(url.getScheme())) || url.getHost() == null) {
            throw new IllegalArgumentException("not an HTTP URL");
        }
        return url;
    }

    /** Looks variables up and keeps what is wrong with them. */
    private static final class Reader {
        private final Map<String, String> environment;
        private final List<String> faults = new ArrayList<>();

        Reader(Map<String, String> environment) {
            this.environment = environment;
        }

        String text(String name, String otherwise) {
            return parse(name, otherwise, Function.identity());
        }

        <T> T parse(String name, Function<String, T> parser) {
            return parse(name, "", parser);
        }

        <T> T parse(String name, String otherwise, Function<String, T> parser) {
            String text = environment.getOrDefault(name, otherwise);
            try {
                if (text.isEmpty()) {
                    throw new IllegalArgumentException("is not set");
                }
                return parser.apply(text);
            } catch (IllegalArgumentException error) {
                faults.add(name + ": " + error.getMessage());
                return null;
            }
        }
    }
}
