package nextphase.inventory.agent;

import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SpanProcessor;
import java.util.concurrent.TimeUnit;

/**
 * Passes spans on to the agent's batch processor, as far as its queue has room. Stays open until the service is done: at
 * a stop the agent shuts its tracing down at once, while the service still answers its last requests, whose spans would
 * be lost.
 */
final class LingeringSpanProcessor implements SpanProcessor {
    /** The longest wait, as long as the service's own for its last requests. */
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(5);

    /** Without a span for this long, the service has closed its door. */
    private static final long QUIET_NANOS = TimeUnit.MILLISECONDS.toNanos(300);

    private final SpanProcessor processor;
    private final QueueRoom room;
    private int open;
    private long changed = System.nanoTime();

    LingeringSpanProcessor(SpanProcessor processor, QueueRoom room) {
        this.processor = processor;
        this.room = room;
    }

    @Override
    public void onStart(Context parent, ReadWriteSpan span) {
        count(1);
        processor.onStart(parent, span);
    }

    @Override
    public void onEnd(ReadableSpan span) {
        if (span.getSpanContext().isSampled() && room.take()) {
            processor.onEnd(span);
        }
        count(-1);
    }

    @Override
    public boolean isStartRequired() {
        return true;
    }

    @Override
    public boolean isEndRequired() {
        return true;
    }

    @Override
    public CompletableResultCode forceFlush() {
        return processor.forceFlush();
    }

    @Override
    public CompletableResultCode shutdown() {
        try {
            awaitQuiet();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        return processor.shutdown();
    }

    private synchronized void count(int spans) {
        open += spans;
        changed = System.nanoTime();
    }

    private synchronized void awaitQuiet() throws InterruptedException {
        long deadline = System.nanoTime() + LIMIT_NANOS;
        changed = System.nanoTime();
        while (open > 0 || System.nanoTime() - changed < QUIET_NANOS) {
            if (System.nanoTime() > deadline) {
                return;
            }
            TimeUnit.NANOSECONDS.timedWait(this, QUIET_NANOS);
        }
    }
}
