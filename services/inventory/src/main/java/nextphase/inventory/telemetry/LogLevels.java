package nextphase.inventory.telemetry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggerConfiguration;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.context.event.EventListener;
import org.springframework.stereotype.Component;

/**
 * Keeps loggers at the levels that a file has, which {@code nextphase loglevel} writes: by hop and then by logger, "" for
 * the root logger, each with "level" and "until" in seconds since the epoch. The hops in Python do the same.
 */
@Component
final class LogLevels implements DisposableBean {
    private static final Logger LOG = LoggerFactory.getLogger(LogLevels.class);
    private static final String HOP = "inventory";
    private static final long PERIOD_SECONDS = 1;

    private final LoggingSystem system;
    private final Path file;
    private final Map<String, LogLevel> before = new HashMap<>();
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "log-levels");
        thread.setDaemon(true);
        return thread;
    });

    LogLevels(LoggingSystem system, @Value("${NEXTPHASE_LOG_LEVELS:}") String file) {
        this.system = system;
        this.file = Path.of(file);
    }

    /** Follows the file from now on, if there is one. */
    @EventListener(ApplicationReadyEvent.class)
    void follow() {
        if (!file.toString().isEmpty()) {
            clock.scheduleWithFixedDelay(this::lookNow, 0, PERIOD_SECONDS, TimeUnit.SECONDS);
        }
    }

    private void lookNow() {
        try {
            look(System.currentTimeMillis() / 1000.0);
        } catch (IOException | RuntimeException error) { // a file that cannot be used changes nothing
            LOG.error("the file of log levels cannot be used", error);
        }
    }

    /** Has every logger at its level; {@code now} is in seconds since the epoch. */
    void look(double now) throws IOException {
        Map<String, LogLevel> wanted = wanted(now);
        Set<String> past = new HashSet<>(before.keySet());
        past.removeAll(wanted.keySet());
        past.forEach(name -> change(name, before.remove(name)));
        wanted.forEach((name, level) -> {
            LogLevel configured = configured(name);
            if (configured != level) {
                if (!before.containsKey(name)) {
                    before.put(name, configured);
                }
                change(name, level);
            }
        });
    }

    private Map<String, LogLevel> wanted(double now) throws IOException {
        if (!Files.exists(file)) {
            return Map.of();
        }
        JsonNode entries = new ObjectMapper().readTree(Files.readString(file)).path(HOP);
        Map<String, LogLevel> wanted = new HashMap<>();
        entries.fields().forEachRemaining(entry -> {
            if (entry.getValue().path("until").asDouble() > now) {
                String level = entry.getValue().path("level").asText().toUpperCase(Locale.ROOT);
                wanted.put(
                        entry.getKey().isEmpty() ? LoggingSystem.ROOT_LOGGER_NAME : entry.getKey(),
                        level.equals("WARNING") ? LogLevel.WARN : LogLevel.valueOf(level));
            }
        });
        return wanted;
    }

    /** The level that the logger has itself; null if it has its parent's. */
    private LogLevel configured(String name) {
        LoggerConfiguration configuration = system.getLoggerConfiguration(name);
        return configuration == null ? null : configuration.getConfiguredLevel();
    }

    private void change(String name, LogLevel level) {
        system.setLogLevel(name, level);
        LOG.atWarn()
                .addKeyValue("changed_logger", name)
                .addKeyValue("changed_to", level == null ? "default" : level.name().toLowerCase(Locale.ROOT))
                .log("log level changed");
    }

    @Override
    public void destroy() {
        clock.shutdownNow();
    }
}
