package nextphase.inventory.telemetry;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.DoubleStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.stereotype.Component;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.servlet.HandlerMapping;

/** What every request gets: its trace id in the answer, its measure taken, a line in the log. */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE)
class RequestFilter extends OncePerRequestFilter {
    private static final Logger LOG = LoggerFactory.getLogger("access");

    private static final Set<String> METHODS =
            Set.of("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH");

    /** Upper bounds, those of DURATION_BUCKETS of observability/metrics.py. */
    private static final Duration[] BUCKETS = DoubleStream.of(
                    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
            .mapToObj(seconds -> Duration.ofNanos(Math.round(seconds * 1e9)))
            .toArray(Duration[]::new);

    private final PrometheusMeterRegistry registry;
    private final Map<String, AtomicInteger> active = new ConcurrentHashMap<>();

    RequestFilter(PrometheusMeterRegistry registry) {
        this.registry = registry;
    }

    @Override
    protected boolean shouldNotFilter(HttpServletRequest request) {
        String path = request.getRequestURI();
        return path.equals("/metrics") || path.equals("/health") || path.startsWith("/health/");
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        long start = System.nanoTime();
        String method = METHODS.contains(request.getMethod()) ? request.getMethod() : "_OTHER";
        AtomicInteger inProgress = active.computeIfAbsent(method, this::gauge);
        inProgress.incrementAndGet();
        SpanContext context = Span.current().getSpanContext();
        if (context.isValid()) {
            response.setHeader("X-Trace-Id", context.getTraceId());
        }
        try {
            chain.doFilter(request, response);
        } finally {
            inProgress.decrementAndGet();
            Duration duration = Duration.ofNanos(System.nanoTime() - start);
            String route = route(request);
            timer(method, route, response.getStatus(), Synthetic.type(context)).record(duration);
            log(request, route, response.getStatus(), duration);
        }
    }

    private Timer timer(String method, String route, int status, String synthetic) {
        return Timer.builder("http.server.request.duration")
                .description("Duration of HTTP server requests")
                .tag("http.request.method", method)
                .tag("http.route", route)
                .tag("http.response.status.code", Integer.toString(status))
                .tag(Synthetic.TAG, synthetic)
                .serviceLevelObjectives(BUCKETS)
                .register(registry);
    }

    private AtomicInteger gauge(String method) {
        AtomicInteger count = new AtomicInteger();
        Gauge.builder("http.server.active.requests", count, AtomicInteger::get)
                .description("HTTP server requests in progress")
                .tag("http.request.method", method)
                .register(registry);
        return count;
    }

    private static void log(HttpServletRequest request, String route, int status, Duration duration) {
        (status >= 500 ? LOG.atError() : LOG.atInfo())
                .addKeyValue("method", request.getMethod())
                .addKeyValue("path", request.getRequestURI())
                .addKeyValue("route", route)
                .addKeyValue("status", status)
                .addKeyValue("duration_ms", Math.round(duration.toNanos() / 1e4) / 1e2)
                .addKeyValue("caller", request.getHeader("X-Caller"))
                .log("{} {} {}", request.getMethod(), request.getRequestURI(), status);
    }

    private static String route(HttpServletRequest request) {
        Object pattern = request.getAttribute(HandlerMapping.BEST_MATCHING_PATTERN_ATTRIBUTE);
        return pattern == null ? "" : pattern.toString();
    }
}
