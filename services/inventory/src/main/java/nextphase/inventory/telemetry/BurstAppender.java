package nextphase.inventory.telemetry;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import ch.qos.logback.core.spi.AppenderAttachable;
import ch.qos.logback.core.spi.AppenderAttachableImpl;
import java.time.Instant;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.event.KeyValuePair;

/**
 * Passes log events on to its appenders, of a burst of events that are alike only some, and one that says how many were
 * left out. Access lines all pass: each request has one, so that a missing one would be a wrong count.
 */
public final class BurstAppender extends UnsynchronizedAppenderBase<ILoggingEvent>
        implements AppenderAttachable<ILoggingEvent> {
    private static final String UNLIMITED = "access";
    private static final long PERIOD_SECONDS = 5;
    private static final Map<String, LongAdder> SUPPRESSED = new ConcurrentHashMap<>();

    private final AppenderAttachableImpl<ILoggingEvent> appenders = new AppenderAttachableImpl<>();
    private final BurstLimit limit;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "log-bursts");
        thread.setDaemon(true);
        return thread;
    });

    public BurstAppender() {
        this(new BurstLimit(System::nanoTime));
    }

    BurstAppender(BurstLimit limit) {
        this.limit = limit;
    }

    /** How many lines of a level were left out since the process began. */
    static double suppressed(String level) {
        LongAdder count = SUPPRESSED.get(level);
        return count == null ? 0 : count.sum();
    }

    @Override
    public void start() {
        timer.scheduleWithFixedDelay(this::summarize, PERIOD_SECONDS, PERIOD_SECONDS, TimeUnit.SECONDS);
        super.start();
    }

    @Override
    protected void append(ILoggingEvent event) {
        if (event.getLoggerName().equals(UNLIMITED) || limit.admits(event)) {
            appenders.appendLoopOnAppenders(event);
        } else {
            SUPPRESSED.computeIfAbsent(LogRecord.level(event.getLevel()), ignored -> new LongAdder()).increment();
        }
    }

    /** Writes a line for each kind of lines that were left out. */
    void summarize() {
        for (BurstLimit.Suppressed lines : limit.takeSuppressed()) {
            BurstLimit.Kind kind = lines.kind();
            LoggerContext context = (LoggerContext) getContext();
            LoggingEvent event =
                    new LoggingEvent("", context.getLogger(kind.logger()), kind.level(), "log lines suppressed", null, null);
            event.setInstant(Instant.now());
            event.addKeyValuePair(new KeyValuePair("suppressed", lines.count()));
            event.addKeyValuePair(new KeyValuePair("suppressed_message", kind.message()));
            if (!kind.fault().isEmpty()) {
                event.addKeyValuePair(new KeyValuePair("suppressed_fingerprint", kind.fault()));
            }
            appenders.appendLoopOnAppenders(event);
        }
    }

    @Override
    public void stop() {
        if (isStarted()) {
            timer.shutdownNow();
            summarize();
            super.stop();
            appenders.detachAndStopAllAppenders();
        }
    }

    @Override
    public void addAppender(Appender<ILoggingEvent> appender) {
        appenders.addAppender(appender);
    }

    @Override
    public Iterator<Appender<ILoggingEvent>> iteratorForAppenders() {
        return appenders.iteratorForAppenders();
    }

    @Override
    public Appender<ILoggingEvent> getAppender(String name) {
        return appenders.getAppender(name);
    }

    @Override
    public boolean isAttached(Appender<ILoggingEvent> appender) {
        return appenders.isAttached(appender);
    }

    @Override
    public void detachAndStopAllAppenders() {
        appenders.detachAndStopAllAppenders();
    }

    @Override
    public boolean detachAppender(Appender<ILoggingEvent> appender) {
        return appenders.detachAppender(appender);
    }

    @Override
    public boolean detachAppender(String name) {
        return appenders.detachAppender(name);
    }
}
