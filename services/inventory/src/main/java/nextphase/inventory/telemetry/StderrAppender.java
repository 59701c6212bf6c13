package nextphase.inventory.telemetry;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.OutputStreamAppender;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.concurrent.atomic.LongAdder;

/** Writes log records to stderr. Logging never waits for whoever reads it. */
public final class StderrAppender extends OutputStreamAppender<ILoggingEvent> {
    private static final LongAdder DROPPED = new LongAdder();

    /** How many lines were dropped since the process began. */
    public static long dropped() {
        return DROPPED.sum();
    }

    @Override
    public void start() {
        // Past System.err, whose lock a write that takes long would keep from everybody.
        setOutputStream(new QueuedStream(new FileOutputStream(FileDescriptor.err), DROPPED::add));
        super.start();
    }
}
