package nextphase.inventory.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class QueuedStreamTest {
    private static final Duration AT_MOST = Duration.ofSeconds(20);
    private final LongAdder dropped = new LongAdder();

    @Test
    void writesEveryLineInItsOrder() {
        ByteArrayOutputStream written = new ByteArrayOutputStream();
        QueuedStream stream = new QueuedStream(written, dropped::add);
        IntStream.range(0, 1000).forEach(number -> put(stream, number + "\n"));
        stream.close();
        String expected = IntStream.range(0, 1000).mapToObj(number -> number + "\n").collect(Collectors.joining());
        assertEquals(expected, written.toString(StandardCharsets.UTF_8));
        assertEquals(0, dropped.sum());
    }

    @Test
    void doesNotWaitForAPipeThatNobodyReads() throws IOException {
        int lines = 3 * QueuedStream.QUEUE_LINES;
        try (PipedInputStream nobody = new PipedInputStream(64)) {
            QueuedStream stream = new QueuedStream(new PipedOutputStream(nobody), dropped::add);
            assertTimeoutPreemptively(
                    AT_MOST, () -> IntStream.range(0, lines).forEach(number -> put(stream, "a line of a log\n")));
            long taken = lines - QueuedStream.QUEUE_LINES - dropped.sum();
            assertTrue(taken >= 0 && taken <= 5, taken + " lines taken by a pipe of four");
        }
    }

    @Test
    void holdsNoMoreBytesThanItsBound() throws IOException {
        try (PipedInputStream nobody = new PipedInputStream(64)) {
            QueuedStream stream = new QueuedStream(new PipedOutputStream(nobody), dropped::add);
            String large = "x".repeat(QueuedStream.QUEUE_BYTES / 4);
            IntStream.range(0, 10).forEach(number -> put(stream, large));
            assertTrue(dropped.sum() >= 5, "dropped " + dropped.sum());
        }
    }

    private static void put(QueuedStream stream, String text) {
        byte[] line = text.getBytes(StandardCharsets.UTF_8);
        stream.write(line, 0, line.length);
    }
}
