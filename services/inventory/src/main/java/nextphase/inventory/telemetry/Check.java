package nextphase.inventory.telemetry;

/**
 * Something the service needs.
 *
 * @param critical whether the service cannot do its work without it
 * @param probe throws while it is not well
 */
public record Check(String name, boolean critical, Probe probe) {
    /** Looks once. */
    @FunctionalInterface
    public interface Probe {
        void run() throws Exception;
    }
}
