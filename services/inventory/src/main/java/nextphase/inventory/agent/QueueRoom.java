package nextphase.inventory.agent;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Room in the queue of the agent's batch processor, which drops spans that find none without saying so: they are
 * counted here, and do not get there.
 */
final class QueueRoom {
    /** Spans; as many as the queue is made for. */
    static final int CAPACITY = 2048;

    private final DroppedSpans dropped;
    private final AtomicInteger taken = new AtomicInteger();

    QueueRoom(DroppedSpans dropped) {
        this.dropped = dropped;
    }

    /** Takes a span's place in the queue; false, and the span is counted as dropped, where there is none. */
    boolean take() {
        if (taken.incrementAndGet() <= CAPACITY) {
            return true;
        }
        taken.decrementAndGet();
        dropped.add(1);
        return false;
    }

    /** So many spans have left the queue. */
    void free(int spans) {
        taken.addAndGet(-spans);
    }
}
