package nextphase.inventory.agent;

import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.LongAdder;
import javax.management.JMException;
import javax.management.ObjectName;

/** The counter behind {@code telemetry_dropped_total{signal="spans"}}. */
public final class DroppedSpans implements DroppedSpansMBean {
    private static final String NAME = "nextphase:type=DroppedSpans";

    private final LongAdder count = new LongAdder();

    /** A counter the service can see. */
    static DroppedSpans published() {
        DroppedSpans dropped = new DroppedSpans();
        try {
            ManagementFactory.getPlatformMBeanServer().registerMBean(dropped, ObjectName.getInstance(NAME));
        } catch (JMException error) {
            throw new IllegalStateException(error);
        }
        return dropped;
    }

    void add(int spans) {
        count.add(spans);
    }

    @Override
    public long getCount() {
        return count.sum();
    }
}
