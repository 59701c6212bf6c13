package nextphase.inventory.telemetry;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.stereotype.Component;

/**
 * The service's health: named checks, looked at on demand and, for the metrics, every few seconds. A check that
 * hangs holds up nobody: it counts as failing, and is not begun again before it has ended.
 */
@Component
public class Health implements DisposableBean {
    private static final long TIMEOUT_MILLIS = 2_000;
    private static final long PERIOD_SECONDS = 5;

    private final List<Check> checks;
    private final Map<String, Future<Outcome>> running = new LinkedHashMap<>();
    private final ExecutorService workers;
    private final ScheduledExecutorService clock;
    private volatile Report last;

    /** How something is. */
    public enum Status {
        @JsonProperty("pass")
        PASS,
        @JsonProperty("warn")
        WARN,
        @JsonProperty("fail")
        FAIL
    }

    /** What a check found; {@code detail} says what is wrong. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Outcome(Status status, @JsonProperty("duration_ms") double durationMillis, String detail) {}

    /** All of them together. */
    public record Report(Status status, Map<String, Outcome> checks) {
        /** Whether the service can do its work. */
        public boolean ready() {
            return status != Status.FAIL;
        }
    }

    Health(List<Check> checks) {
        this.checks = checks;
        this.workers = Executors.newFixedThreadPool(checks.size(), daemons("health-check"));
        this.clock = Executors.newSingleThreadScheduledExecutor(daemons("health"));
        this.last = new Report(Status.FAIL, Map.of());
        clock.scheduleWithFixedDelay(this::examine, 0, PERIOD_SECONDS, TimeUnit.SECONDS);
    }

    public List<Check> checks() {
        return checks;
    }

    /** What was found last. */
    public Report last() {
        return last;
    }

    /** Looks now, at all at once; takes two seconds at most. */
    public Report examine() {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(TIMEOUT_MILLIS);
        Map<Check, Future<Outcome>> begun = new LinkedHashMap<>();
        checks.forEach(check -> begun.put(check, begin(check)));
        Map<String, Outcome> outcomes = new LinkedHashMap<>();
        begun.forEach((check, future) -> outcomes.put(check.name(), await(check, future, deadline)));
        Status worst = outcomes.values().stream().map(Outcome::status).max(Status::compareTo).orElse(Status.PASS);
        last = new Report(worst, outcomes);
        return last;
    }

    @Override
    public void destroy() {
        clock.shutdownNow();
        workers.shutdownNow();
    }

    private synchronized Future<Outcome> begin(Check check) {
        return running.compute(
                check.name(),
                (name, before) -> before == null || before.isDone() ? workers.submit(() -> look(check)) : before);
    }

    private static Outcome look(Check check) {
        long start = System.nanoTime();
        try {
            check.probe().run();
            return new Outcome(Status.PASS, millisSince(start), null);
        } catch (Exception error) {
            String detail = error.getMessage() == null ? error.toString() : error.getMessage();
            return new Outcome(bad(check), millisSince(start), detail);
        }
    }

    private static Outcome await(Check check, Future<Outcome> future, long deadline) {
        try {
            return future.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (TimeoutException error) {
            return new Outcome(bad(check), TIMEOUT_MILLIS, "no answer within %d ms".formatted(TIMEOUT_MILLIS));
        } catch (ExecutionException error) {
            return new Outcome(bad(check), 0, String.valueOf(error.getCause()));
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            return new Outcome(bad(check), 0, "stopping");
        }
    }

    private static Status bad(Check check) {
        return check.critical() ? Status.FAIL : Status.WARN;
    }

    private static double millisSince(long start) {
        return Math.round((System.nanoTime() - start) / 1e4) / 1e2;
    }

    private static ThreadFactory daemons(String name) {
        return task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        };
    }
}
