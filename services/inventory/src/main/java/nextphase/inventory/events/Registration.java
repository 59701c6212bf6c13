package nextphase.inventory.events;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import nextphase.inventory.Settings;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.event.EventListener;
import org.springframework.stereotype.Component;

/** Tells Rio which events the service wants, again and again until Rio has taken it. */
@Component
public class Registration implements DisposableBean {
    private static final Logger LOG = LoggerFactory.getLogger(Registration.class);
    private static final String ID = "inventory";
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    private static final long FIRST_PAUSE_MILLIS = 500;
    private static final long LONGEST_PAUSE_MILLIS = 30_000;

    private final HttpClient client;
    private final HttpRequest request;
    private final Tracer tracer = GlobalOpenTelemetry.getTracer("nextphase.inventory");
    private final CountDownLatch stopped = new CountDownLatch(1);
    private volatile boolean registered;

    Registration(Settings settings, HttpClient client, ObjectMapper mapper) throws JsonProcessingException {
        this.client = client;
        // Filters and policy are the catalog's: what is left out stays as Rio has it.
        Map<String, Object> subscription = Map.of("types", List.of("order.placed"), "sink", "/inventory/events");
        String base = settings.rioUrl().toString().replaceFirst("/+$", "");
        this.request = HttpRequest.newBuilder(URI.create(base + "/subscriptions/" + ID))
                .timeout(TIMEOUT)
                .header("Authorization", "Bearer " + settings.rioToken())
                .header("Content-Type", "application/json")
                .PUT(BodyPublishers.ofByteArray(mapper.writeValueAsBytes(subscription)))
                .build();
    }

    /** Whether Rio holds the subscription. */
    public boolean registered() {
        return registered;
    }

    @EventListener(ApplicationReadyEvent.class)
    void start() {
        Thread thread = new Thread(this::run, "subscription-registration");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void destroy() {
        stopped.countDown();
    }

    private void run() {
        long pause = FIRST_PAUSE_MILLIS;
        try {
            while (!put()) {
                if (stopped.await(ThreadLocalRandom.current().nextLong(pause / 2, pause), TimeUnit.MILLISECONDS)) {
                    return;
                }
                pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS);
            }
            registered = true;
            LOG.atInfo().addKeyValue("subscription", ID).log("subscribed");
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean put() throws InterruptedException {
        Span span = tracer.spanBuilder("register subscription").startSpan();
        try (Scope ignored = span.makeCurrent()) {
            HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
            if (answer.statusCode() / 100 == 2) {
                return true;
            }
            refused(span, answer.statusCode() + " " + answer.body());
        } catch (IOException error) {
            refused(span, error.toString());
        } finally {
            span.end();
        }
        return false;
    }

    private static void refused(Span span, String reason) {
        span.setStatus(StatusCode.ERROR);
        String start = reason.substring(0, Math.min(reason.length(), 500));
        LOG.atWarn().addKeyValue("reason", start).log("Rio did not take the subscription");
    }
}
