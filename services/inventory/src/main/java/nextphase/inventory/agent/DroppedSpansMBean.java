package nextphase.inventory.agent;

/** How many spans were given up, for the service's metrics to read. */
public interface DroppedSpansMBean {
    long getCount();
}
