package nextphase.inventory.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BurstLimitTest {
    private static final long SECOND = 1_000_000_000L;

    private final LoggerContext context = new LoggerContext();
    private long now = Long.MAX_VALUE - SECOND; // System.nanoTime may begin anywhere, and overflows
    private final BurstLimit limit = new BurstLimit(() -> now);

    @Test
    void writesABurstAndThenSoManyASecond() {
        assertEquals(BurstLimit.WARNINGS_BURST, admitted(event(Level.WARN, "no answer"), 110));
        assertEquals(10, limit.takeSuppressed().get(0).count());
        now += SECOND;
        assertEquals(BurstLimit.WARNINGS_PER_SECOND, admitted(event(Level.WARN, "no answer"), 110));
        now += 3600 * SECOND;
        assertEquals(BurstLimit.WARNINGS_BURST, admitted(event(Level.WARN, "no answer"), 110));
        assertEquals(BurstLimit.BURST, admitted(event(Level.INFO, "no answer"), 1010));
    }

    @Test
    void keepsLinesThatAreNotAlikeApart() {
        admitted(event(Level.WARN, "no answer of 17"), 110);
        assertFalse(limit.admits(event(Level.WARN, "no answer of 0a6a2b50-d1ae-4579-92f0-9836a28eea37")));
        assertTrue(limit.admits(event(Level.WARN, "refused")));
        assertTrue(limit.admits(event(Level.ERROR, "no answer of 17")));
    }

    @Test
    void writesTheFirstLineOfEachFault() {
        admitted(failed(new IllegalStateException("one")), 110);
        assertTrue(limit.admits(failed(new IllegalArgumentException("one"))));
        assertEquals(16, limit.takeSuppressed().get(0).kind().fault().length());
    }

    @Test
    void tellsOfLinesOfAKindThatIsForgotten() {
        admitted(event(Level.WARN, "no answer"), BurstLimit.WARNINGS_BURST + 3);
        for (int number = 0; number < BurstLimit.MAX_KINDS; number++) {
            limit.admits(new LoggingEvent("", context.getLogger("other" + number), Level.INFO, "said", null, null));
        }
        assertEquals(List.of(3L), limit.takeSuppressed().stream().map(BurstLimit.Suppressed::count).toList());
        assertEquals(List.of(), limit.takeSuppressed());
    }

    @Test
    void passesAccessLinesAndOneThatSaysHowManyOthersWereLeftOut() {
        ListAppender<ILoggingEvent> written = new ListAppender<>();
        written.start();
        BurstAppender appender = new BurstAppender(limit);
        appender.setContext(context);
        appender.addAppender(written);
        appender.start();
        for (int count = 0; count < BurstLimit.WARNINGS_BURST + 40; count++) {
            appender.doAppend(event(Level.WARN, "no answer"));
            appender.doAppend(new LoggingEvent("", context.getLogger("access"), Level.WARN, "GET /", null, null));
        }
        appender.stop();
        List<ILoggingEvent> told = written.list.stream()
                .filter(event -> event.getMessage().equals("log lines suppressed"))
                .toList();
        assertEquals(2L * BurstLimit.WARNINGS_BURST + 40, written.list.size() - told.size());
        assertEquals(40L, told.stream().mapToLong(event -> (long) event.getKeyValuePairs().get(0).value).sum());
        assertEquals(40, BurstAppender.suppressed("warning"));
    }

    private long admitted(ILoggingEvent event, int count) {
        return IntStream.range(0, count).filter(ignored -> limit.admits(event)).count();
    }

    private ILoggingEvent event(Level level, String message) {
        return new LoggingEvent("", context.getLogger("test"), level, message, null, null);
    }

    private ILoggingEvent failed(Throwable error) {
        return new LoggingEvent("", context.getLogger("test"), Level.ERROR, "failed", error, null);
    }
}
