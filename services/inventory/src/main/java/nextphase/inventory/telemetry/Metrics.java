package nextphase.inventory.telemetry;

import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.instrumentation.jvm.JvmMetrics;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.util.List;
import java.util.Properties;
import nextphase.inventory.telemetry.Health.Status;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** What is measured beside the requests. */
@Configuration(proxyBeanMethods = false)
class Metrics {
    @Bean
    PrometheusMeterRegistry registry() {
        PrometheusRegistry prometheus = new PrometheusRegistry();
        JvmMetrics.builder().register(prometheus);
        PrometheusMeterRegistry registry =
                new PrometheusMeterRegistry(new Exemplars(), prometheus, Clock.SYSTEM, new CurrentSpan());
        FunctionCounter.builder("telemetry.dropped", registry, ignored -> FluentAppender.dropped())
                .description("What telemetry was given up")
                .tag("signal", "logs")
                .register(registry);
        FunctionCounter.builder("telemetry.dropped", registry, ignored -> DroppedSpans.count())
                .description("What telemetry was given up")
                .tag("signal", "spans")
                .register(registry);
        FunctionCounter.builder("telemetry.dropped", registry, ignored -> StderrAppender.dropped())
                .description("What telemetry was given up")
                .tag("signal", "stderr")
                .register(registry);
        Gauge.builder("process.clock.seconds", () -> System.currentTimeMillis() / 1e3)
                .description("What the process's clock says, since 1970")
                .register(registry);
        for (String level : List.of("debug", "info", "warning", "error")) {
            FunctionCounter.builder("log.lines.suppressed", registry, ignored -> BurstAppender.suppressed(level))
                    .description("Log lines left out of bursts of lines that are alike")
                    .tag("level", level)
                    .register(registry);
        }
        return registry;
    }

    @Bean
    Gauge ready(Health health, PrometheusMeterRegistry registry) {
        for (Check check : health.checks()) {
            Gauge.builder("health.check.up", health, source -> up(source, check))
                    .description("Whether a check passes")
                    .tag("check", check.name())
                    .tag("critical", Boolean.toString(check.critical()))
                    .register(registry);
        }
        return Gauge.builder("health.ready", health, source -> source.last().ready() ? 1 : 0)
                .description("Whether all critical checks pass")
                .register(registry);
    }

    /** Exemplars on buckets and counters only: a Prometheus before 3 refuses a page with one on a summary. */
    private static final class Exemplars implements PrometheusConfig {
        @Override
        public String get(String key) {
            return null;
        }

        @Override
        public Properties prometheusProperties() {
            return new Properties();
        }
    }

    private static double up(Health health, Check check) {
        Health.Outcome outcome = health.last().checks().get(check.name());
        return outcome != null && outcome.status() == Status.PASS ? 1 : 0;
    }
}
