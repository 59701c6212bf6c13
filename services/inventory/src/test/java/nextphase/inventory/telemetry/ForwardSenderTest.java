package nextphase.inventory.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessagePacker;
import org.msgpack.core.MessageUnpacker;
import org.msgpack.value.Value;

class ForwardSenderTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private final LongAdder dropped = new LongAdder();
    private final Collector collector = new Collector();

    @AfterEach
    void stop() throws IOException {
        collector.server.close();
    }

    @Test
    void sendsRecordsInTheirOrder() {
        try (ForwardSender sender = sender()) {
            IntStream.range(0, 600).forEach(number -> sender.send(Instant.EPOCH, record(number)));
            assertTimeoutPreemptively(PATIENCE, () -> collector.takes(600));
        }
        assertEquals(0, dropped.sum());
    }

    @Test
    void holdsWhatIsNotAcknowledged() {
        collector.refusals = 2;
        try (ForwardSender sender = sender()) {
            sender.send(Instant.EPOCH, record(0));
            assertTimeoutPreemptively(PATIENCE, () -> collector.takes(1));
        }
        assertEquals(0, dropped.sum());
    }

    @Test
    void countsWhatItCannotHold() {
        collector.refusals = Integer.MAX_VALUE;
        int count = ForwardSender.QUEUE_RECORDS + 1000;
        ForwardSender sender = sender();
        IntStream.range(0, count).forEach(number -> sender.send(Instant.EPOCH, record(number)));
        assertTrue(dropped.sum() >= 1000 - 256, () -> "dropped " + dropped.sum());
        assertTimeoutPreemptively(PATIENCE, sender::close);
        assertTimeoutPreemptively(PATIENCE, () -> {
            while (dropped.sum() < count) {
                Thread.onSpinWait();
            }
        });
        assertEquals(count, dropped.sum());
    }

    @Test
    void endsAnAnswerThatGoesOnByteByByte() throws IOException, InterruptedException {
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                ForwardSender sender =
                        new ForwardSender("127.0.0.1", server.getLocalPort(), "test", dropped::add, 500)) {
            sender.send(Instant.EPOCH, record(0));
            for (int attempt = 0; attempt < 2; attempt++) {
                try (Socket connection = server.accept()) {
                    assertTimeoutPreemptively(PATIENCE, () -> drip(connection.getOutputStream()));
                }
            }
        }
    }

    /** The beginning of an acknowledgement, and then a text that does not end until the other side has closed. */
    private static void drip(OutputStream out) throws InterruptedException {
        try {
            out.write(new byte[] {(byte) 0x81, (byte) 0xa3, 'a', 'c', 'k', (byte) 0xd9, (byte) 200});
            while (true) {
                out.write('x');
                Thread.sleep(200);
            }
        } catch (IOException closed) {
            // As it should be.
        }
    }

    private ForwardSender sender() {
        return new ForwardSender(
                "127.0.0.1",
                collector.server.getLocalPort(),
                "test",
                dropped::add,
                ForwardSender.ATTEMPT_MILLIS);
    }

    private static Map<String, Object> record(int number) {
        return Map.of("number", number);
    }

    /** Acknowledges messages, after it has refused some by closing the connection. */
    private static final class Collector {
        final ServerSocket server;
        final LinkedBlockingQueue<Integer> numbers = new LinkedBlockingQueue<>();
        volatile int refusals;

        Collector() {
            try {
                server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
            } catch (IOException error) {
                throw new IllegalStateException(error);
            }
            Thread thread = new Thread(this::run);
            thread.setDaemon(true);
            thread.start();
        }

        void takes(int count) throws InterruptedException {
            for (int number = 0; number < count; number++) {
                assertEquals(number, numbers.take());
            }
        }

        private void run() {
            while (!server.isClosed()) {
                try (Socket connection = server.accept()) {
                    serve(connection);
                } catch (IOException | RuntimeException gone) {
                    // The sender has closed, or the test has ended.
                }
            }
        }

        private void serve(Socket connection) throws IOException {
            MessageUnpacker in = MessagePack.newDefaultUnpacker(connection.getInputStream());
            MessagePacker out = MessagePack.newDefaultPacker(connection.getOutputStream());
            while (in.hasNext()) {
                List<Value> message = in.unpackValue().asArrayValue().list();
                if (refusals > 0) {
                    refusals--;
                    return;
                }
                for (Value entry : message.get(1).asArrayValue()) {
                    Map<Value, Value> fields = entry.asArrayValue().get(1).asMapValue().map();
                    numbers.add(fields.values().iterator().next().asIntegerValue().asInt());
                }
                Value chunk = message.get(2).asMapValue().values().iterator().next();
                out.packMapHeader(1).packString("ack").packValue(chunk).flush();
            }
        }
    }
}
