package nextphase.inventory.agent;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Holds spans while the collector is away and sends them in order once it is back. Held are a bounded number of
 * spans for a bounded time; what goes beyond is dropped and counted.
 */
final class HoldingSpanExporter implements SpanExporter {
    /** The most spans held; about 2 KiB of heap each. */
    static final int CAPACITY = 8192;

    /** How long a batch is tried for, so that one the collector cannot take does not block all behind it. */
    private static final long HOLD_NANOS = TimeUnit.MINUTES.toNanos(15);

    private static final long EXPORT_SECONDS = 10;
    private static final long FIRST_PAUSE_MILLIS = 250;
    private static final long LONGEST_PAUSE_MILLIS = 5_000;
    private static final long STOP_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final SpanExporter exporter;
    private final DroppedSpans dropped;
    private final Thread sender = new Thread(this::run, "span-sender");
    private final Deque<Batch> batches = new ArrayDeque<>();
    private final CountDownLatch stop = new CountDownLatch(1);
    private int held;
    private boolean stopping;
    private long stopBy;

    private record Batch(List<SpanData> spans, long giveUpAt) {}

    HoldingSpanExporter(SpanExporter exporter) {
        this(exporter, DroppedSpans.published());
    }

    HoldingSpanExporter(SpanExporter exporter, DroppedSpans dropped) {
        this.exporter = exporter;
        this.dropped = dropped;
        sender.setDaemon(true);
        sender.start();
    }

    @Override
    public synchronized CompletableResultCode export(Collection<SpanData> spans) {
        if (stopping || held + spans.size() > CAPACITY) {
            dropped.add(spans.size());
            return CompletableResultCode.ofFailure();
        }
        // A copy: the processor clears and reuses its list.
        batches.add(new Batch(List.copyOf(spans), System.nanoTime() + HOLD_NANOS));
        held += spans.size();
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
            for (Batch batch = next(); batch != null; batch = next()) {
                if (send(batch)) {
                    pause = FIRST_PAUSE_MILLIS;
                } else {
                    rest(pause);
                    pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS);
                }
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits for the oldest batch; null when there will be none. */
    private synchronized Batch next() throws InterruptedException {
        while (batches.isEmpty() && !stopping) {
            wait();
        }
        return batches.peek();
    }

    /** True if the batch is off our hands, sent or given up. */
    private boolean send(Batch batch) {
        boolean sent = export(batch);
        synchronized (this) {
            boolean late = System.nanoTime() - (stopping ? stopBy : batch.giveUpAt()) > 0;
            if (!sent && !late) {
                return false;
            }
            if (!sent) {
                dropped.add(batch.spans().size());
            }
            batches.remove();
            held -= batch.spans().size();
            return true;
        }
    }

    /** Whatever the exporter throws is a failure to send: the thread goes on. */
    private boolean export(Batch batch) {
        try {
            return exporter.export(batch.spans())
                    .join(EXPORT_SECONDS, TimeUnit.SECONDS)
                    .isSuccess();
        } catch (RuntimeException error) {
            return false;
        }
    }

    private void rest(long millis) throws InterruptedException {
        if (stop.await(millis, TimeUnit.MILLISECONDS)) {
            TimeUnit.MILLISECONDS.sleep(FIRST_PAUSE_MILLIS);
        }
    }
}
