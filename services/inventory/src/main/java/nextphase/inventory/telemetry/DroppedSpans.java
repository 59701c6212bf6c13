package nextphase.inventory.telemetry;

import java.lang.management.ManagementFactory;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/** How many spans the agent gave up. The agent lives apart from the service; an MBean is what both can see. */
final class DroppedSpans {
    private static final String NAME = "nextphase:type=DroppedSpans";

    private DroppedSpans() {}

    /** The count since the process began; 0 without the agent. */
    static long count() {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        try {
            ObjectName name = ObjectName.getInstance(NAME);
            return server.isRegistered(name) ? (Long) server.getAttribute(name, "Count") : 0;
        } catch (JMException error) {
            throw new IllegalStateException(error);
        }
    }
}
