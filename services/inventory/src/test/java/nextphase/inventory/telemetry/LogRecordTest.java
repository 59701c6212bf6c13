package nextphase.inventory.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxy;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.slf4j.event.KeyValuePair;

class LogRecordTest {
    private final LoggingEvent event = new LoggingEvent(
            "", new LoggerContext().getLogger("test"), Level.INFO, "said", null, null);

    @Test
    void keepsWhatTheLogStoreTakes() {
        event.addKeyValuePair(new KeyValuePair("order_id", "7"));
        assertEquals("7", record().get("order_id"));
    }

    @Test
    void givesEveryFieldANameThatTheLogStoreTakes() {
        for (String name : new String[] {"", "_", "é", "!!", "level", "trace_id", "n".repeat(1000)}) {
            event.addKeyValuePair(new KeyValuePair(name, name));
        }
        Map<String, Object> record = record();
        assertEquals("info", record.get("level"));
        assertTrue(record.keySet().stream().allMatch(name -> name.matches("(?s).*[A-Za-z0-9].*") && name.length() < 200));
        assertEquals("trace_id", record.get("extra_trace_id"));
    }

    @Test
    void tellsOfAnException() {
        event.setThrowableProxy(new ThrowableProxy(new IllegalStateException("no stock", new RuntimeException("a"))));
        event.addKeyValuePair(new KeyValuePair("error_type", "mine"));
        Map<String, Object> record = record();
        assertEquals("java.lang.IllegalStateException", record.get("error_type"));
        assertEquals("no stock", record.get("error_message"));
        assertTrue(((String) record.get("error_stack")).startsWith("java.lang.IllegalStateException: no stock"));
        assertTrue(((String) record.get("error_fingerprint")).matches("[0-9a-f]{16}"));
        assertEquals("mine", record.get("extra_error_type"));
    }

    @Test
    void hasOneFingerprintForAFaultWhateverItsMessage() {
        assertEquals(fingerprint(false, "one"), fingerprint(false, "two"));
        assertNotEquals(fingerprint(false, "one"), fingerprint(true, "one"));
    }

    @Test
    void hasOneFingerprintHoweverAMethodWasCalledByReflection() throws ReflectiveOperationException {
        Method fails = LogRecordTest.class.getDeclaredMethod("fails");
        Set<Object> fingerprints = new HashSet<>();
        Set<String> frames = new HashSet<>();
        for (int call = 0; call < 100; call++) {
            try {
                fails.invoke(null);
            } catch (InvocationTargetException error) {
                Throwable fault = error.getCause();
                fingerprints.add(ErrorFields.of(new ThrowableProxy(fault)).get("error_fingerprint"));
                Arrays.stream(fault.getStackTrace()).map(StackTraceElement::getClassName).forEach(frames::add);
            }
        }
        assertEquals(1, fingerprints.size());
        assertTrue(frames.stream().anyMatch(name -> name.startsWith("jdk.internal.reflect.Native")));
        assertTrue(frames.stream().anyMatch(name -> name.startsWith("jdk.internal.reflect.Generated")));
    }

    private static void fails() {
        throw new IllegalStateException("no stock");
    }

    private static Object fingerprint(boolean isOther, String message) {
        RuntimeException fault = isOther ? new IllegalStateException(message) : new IllegalArgumentException(message);
        return ErrorFields.of(new ThrowableProxy(fault)).get("error_fingerprint");
    }

    @Test
    void leavesOutWhatIsTooMuchAndSaysSo() {
        IntStream.range(0, 150).forEach(number -> event.addKeyValuePair(new KeyValuePair("key" + number, number)));
        assertTrue(record().size() <= 100);
        assertTrue((int) record().get("omitted_fields") > 50);
    }

    @Test
    void cutsLongTexts() {
        for (String letter : new String[] {"x", "ü", "語", "😀"}) {
            IntStream.range(0, 5)
                    .forEach(number -> event.addKeyValuePair(new KeyValuePair(letter + number, letter.repeat(16_000))));
        }
        int bytes = record().entrySet().stream()
                .filter(field -> !field.getKey().equals("message"))
                .mapToInt(field -> size(field.getKey()) + size(field.getValue()))
                .sum();
        assertTrue(bytes < 60 * 1024, () -> bytes + " bytes");
    }

    @Test
    void makesTextsOfNumbersThatHaveNoBoundOrThatJsonHasNot() {
        event.addKeyValuePair(new KeyValuePair("endless", new BigInteger("9".repeat(100_000))));
        event.addKeyValuePair(new KeyValuePair("exact", new BigDecimal("1e-100000").add(BigDecimal.ONE)));
        event.addKeyValuePair(new KeyValuePair("nan", Double.NaN));
        event.addKeyValuePair(new KeyValuePair("infinite", Float.POSITIVE_INFINITY));
        event.addKeyValuePair(new KeyValuePair("half", 0.5));
        Map<String, Object> record = record();
        assertTrue(((String) record.get("endless")).length() <= 16 * 1024);
        assertTrue(((String) record.get("exact")).length() <= 16 * 1024);
        assertEquals(List.of("NaN", "Infinity", 0.5), List.of(record.get("nan"), record.get("infinite"), record.get("half")));
    }

    @Test
    void keepsARecordOfWhichAValueHasNoText() {
        event.addKeyValuePair(new KeyValuePair("broken", new Broken()));
        event.addKeyValuePair(new KeyValuePair("order_id", "7"));
        assertEquals(List.of("<Broken>", "7"), List.of(record().get("broken"), record().get("order_id")));
    }

    @Test
    void keepsWhatStandsBesideALongStackTrace() {
        event.setThrowableProxy(new ThrowableProxy(new IllegalStateException("x".repeat(30_000))));
        event.addKeyValuePair(new KeyValuePair("order_id", "7"));
        assertEquals("7", record().get("order_id"));
    }

    private static final class Broken {
        @Override
        public String toString() {
            throw new IllegalStateException();
        }
    }

    private Map<String, Object> record() {
        event.setInstant(java.time.Instant.EPOCH);
        return LogRecord.of(event, "inventory", "inventory-1");
    }

    private static int size(Object value) {
        return String.valueOf(value).getBytes(StandardCharsets.UTF_8).length;
    }
}
