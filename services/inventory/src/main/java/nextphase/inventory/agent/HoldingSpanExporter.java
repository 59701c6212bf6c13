package nextphase.inventory.agent;

import io.opentelemetry.exporter.internal.FailedExportException.HttpExportException;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Holds spans while the collector is away and sends them in order once it is back. Held are a bounded number of spans,
 * the oldest dropped first. A batch that the collector refuses is sent again in halves, until only the spans that it
 * refuses by themselves are dropped. What is dropped is counted.
 */
final class HoldingSpanExporter implements SpanExporter {
    /** The most spans held; about 2 KiB of heap each. */
    static final int CAPACITY = 8192;

    private static final long EXPORT_SECONDS = 10;
    private static final long FIRST_PAUSE_MILLIS = 250;
    private static final long LONGEST_PAUSE_MILLIS = 5_000;
    private static final long STOP_NANOS = TimeUnit.SECONDS.toNanos(5);

    /** The answers after which OTLP/HTTP has a client try again. */
    private static final Set<Integer> RETRYABLE = Set.of(429, 502, 503, 504);

    /** The answers that blame what was sent, not who sent it or where. */
    private static final Set<Integer> BLAMING = Set.of(400, 413, 422, 500);

    private final SpanExporter exporter;
    private final QueueRoom room;
    private final DroppedSpans dropped;
    private final Thread sender = new Thread(this::run, "span-sender");
    private final Deque<List<SpanData>> batches = new ArrayDeque<>();
    private final CountDownLatch stop = new CountDownLatch(1);
    private int held;
    private boolean stopping;
    private long stopBy;

    /** What became of an attempt to send a batch. */
    private enum Outcome {
        TAKEN,
        /** Something in it is not taken, however often it is sent. */
        REFUSED,
        /** Nothing would be taken, whatever was in it. */
        FORBIDDEN,
        AWAY
    }

    /**
     * Starts the thread that sends.
     *
     * @param room freed of the spans that come from the batch processor's queue
     */
    HoldingSpanExporter(SpanExporter exporter, QueueRoom room, DroppedSpans dropped) {
        this.exporter = exporter;
        this.room = room;
        this.dropped = dropped;
        sender.setDaemon(true);
        sender.start();
    }

    @Override
    public synchronized CompletableResultCode export(Collection<SpanData> spans) {
        room.free(spans.size());
        if (stopping) {
            dropped.add(spans.size());
            return CompletableResultCode.ofFailure();
        }
        // A copy: the processor clears and reuses its list.
        batches.add(List.copyOf(spans));
        held += spans.size();
        trim();
        notifyAll();
        return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode flush() {
        return exporter.flush();
    }

    /** Sends what is held, for as long as a stopping process can wait, and drops the rest. */
    @Override
    public CompletableResultCode shutdown() {
        synchronized (this) {
            stopping = true;
            stopBy = System.nanoTime() + STOP_NANOS;
            notifyAll();
        }
        stop.countDown();
        try {
            TimeUnit.NANOSECONDS.timedJoin(sender, STOP_NANOS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        return exporter.shutdown();
    }

    private void run() {
        try {
            long pause = FIRST_PAUSE_MILLIS;
            for (List<SpanData> batch = next(); batch != null; batch = next()) {
                Outcome outcome = attempt(batch);
                settle(batch, outcome);
                if (outcome == Outcome.AWAY) {
                    rest(pause);
                    pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS);
                } else {
                    pause = FIRST_PAUSE_MILLIS;
                }
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits for the oldest batch and takes it; null when there will be none. */
    private synchronized List<SpanData> next() throws InterruptedException {
        while (batches.isEmpty() && !stopping) {
            wait();
        }
        if (stopping && System.nanoTime() - stopBy > 0) {
            dropped.add(held);
            batches.clear();
            held = 0;
        }
        List<SpanData> batch = batches.poll();
        held -= batch == null ? 0 : batch.size();
        return batch;
    }

    private synchronized void settle(List<SpanData> batch, Outcome outcome) {
        int size = batch.size();
        if (outcome == Outcome.AWAY) {
            putBack(batch);
        } else if (outcome == Outcome.REFUSED && size > 1) {
            putBack(batch.subList(size / 2, size));
            putBack(batch.subList(0, size / 2));
        } else if (outcome != Outcome.TAKEN) {
            dropped.add(size);
        }
    }

    private void putBack(List<SpanData> batch) {
        batches.addFirst(batch);
        held += batch.size();
        trim();
    }

    private void trim() {
        while (held > CAPACITY) {
            int oldest = batches.remove().size();
            held -= oldest;
            dropped.add(oldest);
        }
    }

    private Outcome attempt(List<SpanData> batch) {
        try {
            CompletableResultCode result = exporter.export(batch).join(EXPORT_SECONDS, TimeUnit.SECONDS);
            return result.isSuccess() ? Outcome.TAKEN : of(result.getFailureThrowable());
        } catch (RuntimeException error) { // it fails on one of the spans, and the thread goes on
            return Outcome.REFUSED;
        }
    }

    /** What a failure to send means; without an answer the collector is away. */
    private static Outcome of(Throwable failure) {
        if (!(failure instanceof HttpExportException http) || http.getResponse() == null) {
            return Outcome.AWAY;
        }
        int status = http.getResponse().getStatusCode();
        if (RETRYABLE.contains(status)) {
            return Outcome.AWAY;
        }
        return BLAMING.contains(status) ? Outcome.REFUSED : Outcome.FORBIDDEN;
    }

    private void rest(long millis) throws InterruptedException {
        if (stop.await(millis, TimeUnit.MILLISECONDS)) {
            TimeUnit.MILLISECONDS.sleep(FIRST_PAUSE_MILLIS);
        }
    }
}
