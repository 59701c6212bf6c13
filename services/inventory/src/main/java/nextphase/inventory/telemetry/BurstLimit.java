package nextphase.inventory.telemetry;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.regex.Pattern;

/**
 * Decides which log lines are written: of those that are alike, as many as a token bucket gives. Lines are alike if their
 * logger, level and message are, ids and numbers in the message apart, and the fault of an exception. The first line of
 * a kind always is written. Bounds are those of the hops in Python (observability/logs/burst_limit.py).
 */
final class BurstLimit {
    static final int BURST = 1000;
    static final int PER_SECOND = 100;
    static final int WARNINGS_BURST = 100;
    static final int WARNINGS_PER_SECOND = 10;
    static final int MAX_KINDS = 1024;

    private static final int MESSAGE_CHARACTERS = 200;
    private static final long SECOND = 1_000_000_000L;
    private static final Pattern ID = Pattern.compile("(?<![0-9A-Za-z_-])[A-Za-z_-]*\\d[0-9A-Za-z_-]*");

    private final LongSupplier clock;
    private final List<Suppressed> forgotten = new ArrayList<>();
    private final Map<Kind, Bucket> buckets = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Kind, Bucket> eldest) {
            if (size() > MAX_KINDS && eldest.getValue().suppressed > 0) {
                forgotten.add(new Suppressed(eldest.getKey(), eldest.getValue().suppressed));
            }
            return size() > MAX_KINDS;
        }
    };

    /** @param clock nanoseconds, from any beginning */
    BurstLimit(LongSupplier clock) {
        this.clock = clock;
    }

    /** What lines that are alike have in common; {@code fault} is their error_fingerprint, empty if they have none. */
    record Kind(String logger, Level level, String message, String fault) {}

    /** How many lines of a kind were left out. */
    record Suppressed(Kind kind, long count) {}

    /** Whether a line is to be written. One that is not is counted. */
    boolean admits(ILoggingEvent event) {
        Kind kind = kind(event);
        synchronized (this) {
            Bucket bucket = buckets.get(kind);
            if (bucket == null) {
                bucket = new Bucket(kind.level().isGreaterOrEqual(Level.WARN));
                buckets.put(kind, bucket);
            }
            return bucket.take(clock.getAsLong());
        }
    }

    /** The lines that were left out since the last call, by kind. */
    synchronized List<Suppressed> takeSuppressed() {
        List<Suppressed> found = new ArrayList<>(forgotten);
        forgotten.clear();
        buckets.forEach((kind, bucket) -> {
            if (bucket.suppressed > 0) {
                found.add(new Suppressed(kind, bucket.suppressed));
                bucket.suppressed = 0;
            }
        });
        return found;
    }

    private static Kind kind(ILoggingEvent event) {
        String message = String.valueOf(event.getMessage());
        String start = message.substring(0, Math.min(message.length(), MESSAGE_CHARACTERS));
        IThrowableProxy error = event.getThrowableProxy();
        String fault = error == null ? "" : ErrorFields.fingerprint(error);
        return new Kind(event.getLoggerName(), event.getLevel(), ID.matcher(start).replaceAll("#"), fault);
    }

    /** A token bucket, kept as the time at which it is full again (GCRA, ITU-T I.371). */
    private static final class Bucket {
        private final long interval;
        private final long capacity;
        private boolean isFull = true;
        private long fullAt;
        private long suppressed;

        Bucket(boolean isWarning) {
            interval = SECOND / (isWarning ? WARNINGS_PER_SECOND : PER_SECOND);
            capacity = interval * (isWarning ? WARNINGS_BURST : BURST);
        }

        boolean take(long now) {
            long missing = (isFull ? 0 : Math.max(fullAt - now, 0)) + interval;
            if (missing > capacity) {
                suppressed++;
                return false;
            }
            isFull = false;
            fullAt = now + missing;
            return true;
        }
    }
}
