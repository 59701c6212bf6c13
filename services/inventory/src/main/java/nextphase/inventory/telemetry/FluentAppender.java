package nextphase.inventory.telemetry;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.net.URI;
import java.util.concurrent.atomic.LongAdder;

/** Sends log records to the collector; nowhere if there is no address. Logging never waits. */
public final class FluentAppender extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private static final LongAdder DROPPED = new LongAdder();

    private String service;
    private String instance;
    private String address = "";
    private ForwardSender sender;

    /** How many records were dropped since the process began. */
    public static long dropped() {
        return DROPPED.sum();
    }

    public void setService(String service) {
        this.service = service;
    }

    public void setInstance(String instance) {
        this.instance = instance;
    }

    /** Where the collector listens, as {@code host:port}. */
    public void setAddress(String address) {
        this.address = address;
    }

    @Override
    public void start() {
        if (!address.isEmpty()) {
            URI place = URI.create("fluent://" + address);
            if (place.getHost() == null || place.getPort() == -1) {
                addError("FLUENT_ADDRESS is not of the form host:port: " + address);
                return;
            }
            sender = new ForwardSender(
                    place.getHost(),
                    place.getPort(),
                    "nextphase." + service,
                    DROPPED::add,
                    ForwardSender.ATTEMPT_MILLIS);
        }
        super.start();
    }

    @Override
    protected void append(ILoggingEvent event) {
        if (sender == null) {
            return;
        }
        try {
            sender.send(event.getInstant(), LogRecord.of(event, service, instance));
        } catch (RuntimeException error) {
            DROPPED.increment();
            throw error; // Logback says it
        }
    }

    @Override
    public void stop() {
        if (!isStarted()) {
            return;
        }
        super.stop();
        if (sender != null) {
            sender.close();
        }
    }
}
