package nextphase.inventory.telemetry;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.io.IOException;
import java.net.URI;
import java.time.Instant;
import java.util.concurrent.atomic.LongAdder;
import org.komamitsu.fluency.EventTime;
import org.komamitsu.fluency.Fluency;
import org.komamitsu.fluency.fluentd.FluencyBuilderForFluentd;

/**
 * Sends log records to the collector in fluentd's forward protocol, from a thread of its own. While the
 * collector is away they wait in a bounded buffer; once that is full, new ones are dropped and counted. Logging
 * never waits.
 */
public final class FluentAppender extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private static final LongAdder DROPPED = new LongAdder();

    private static final long BUFFER_BYTES = 8 * 1024 * 1024;
    private static final int CHUNK_BYTES = 256 * 1024;
    private static final int FIRST_CHUNK_BYTES = 32 * 1024;
    private static final int FLUSH_MILLIS = 200;
    private static final int TIMEOUT_MILLIS = 5_000;
    private static final int LONGEST_RETRY_PAUSE_MILLIS = 5_000;
    private static final int STOP_SECONDS = 3;

    private String service;
    private String instance;
    private String address;
    private Fluency fluency;

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
        URI place = URI.create("fluent://" + address);
        if (place.getHost() == null || place.getPort() == -1) {
            addError("FLUENT_ADDRESS is not of the form host:port: " + address);
            return;
        }
        FluencyBuilderForFluentd builder = new FluencyBuilderForFluentd();
        builder.setMaxBufferSize(BUFFER_BYTES);
        builder.setBufferChunkInitialSize(FIRST_CHUNK_BYTES);
        builder.setBufferChunkRetentionSize(CHUNK_BYTES);
        builder.setBufferChunkRetentionTimeMillis(FLUSH_MILLIS);
        builder.setFlushAttemptIntervalMillis(FLUSH_MILLIS);
        builder.setJvmHeapBufferMode(true);
        builder.setAckResponseMode(true); // what a closing collector had not read is sent again
        builder.setConnectionTimeoutMilli(TIMEOUT_MILLIS);
        builder.setReadTimeoutMilli(TIMEOUT_MILLIS);
        builder.setSenderMaxRetryIntervalMillis(LONGEST_RETRY_PAUSE_MILLIS);
        builder.setWaitUntilBufferFlushed(STOP_SECONDS);
        builder.setWaitUntilFlusherTerminated(STOP_SECONDS);
        fluency = builder.build(place.getHost(), place.getPort());
        super.start();
    }

    @Override
    protected void append(ILoggingEvent event) {
        Instant time = event.getInstant();
        EventTime stamp = EventTime.fromEpoch((int) time.getEpochSecond(), time.getNano());
        try {
            fluency.emit("nextphase." + service, stamp, LogRecord.of(event, service, instance));
        } catch (IOException full) {
            DROPPED.increment();
        }
    }

    @Override
    public void stop() {
        if (!isStarted()) {
            return;
        }
        super.stop();
        try {
            fluency.close();
        } catch (IOException error) {
            addWarn("the last log records may not have reached the collector", error);
        }
    }
}
