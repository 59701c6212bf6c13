package nextphase.inventory.telemetry;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Timer;
import java.util.TimerTask;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import org.msgpack.core.MessageBufferPacker;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessagePack.UnpackerConfig;
import org.msgpack.core.MessagePacker;
import org.msgpack.core.MessageUnpacker;

/**
 * Sends log records to the collector by Fluentd's Forward protocol, from a thread of its own, a batch at a time until
 * the collector acknowledges the batch. Meanwhile records wait in bounded memory, the oldest dropped first; what is
 * dropped is counted. Taking a record never blocks.
 */
final class ForwardSender implements AutoCloseable {
    /** Records that wait, and their memory. */
    static final int QUEUE_RECORDS = 8192;

    static final int QUEUE_BYTES = 8 * 1024 * 1024;

    /** The collector takes messages of 4 MiB. */
    private static final int BATCH_RECORDS = 256;

    private static final int BATCH_BYTES = 1024 * 1024;
    private static final int CONNECT_MILLIS = 3_000;

    /**
     * To write a batch and have it acknowledged. The collector acknowledges what its queue on disk has; while that is
     * full, it does not.
     */
    static final long ATTEMPT_MILLIS = 10_000;

    private static final long GATHER_MILLIS = 50;
    private static final long FIRST_PAUSE_MILLIS = 250;
    private static final long LONGEST_PAUSE_MILLIS = 3_000;
    private static final long STOP_NANOS = TimeUnit.SECONDS.toNanos(3);
    private static final UnpackerConfig SHORT_ANSWERS = new UnpackerConfig().withStringSizeLimit(256);

    private final String host;
    private final int port;
    private final String tag;
    private final LongConsumer dropped;
    private final long attemptMillis;
    private final Timer deadlines = new Timer("log-sender-deadlines", true);
    private final Thread thread = new Thread(this::run, "log-sender");
    private final Deque<byte[]> entries = new ArrayDeque<>();
    private int bytes;
    private boolean closing;
    private long stopBy;
    private volatile Socket socket;

    /**
     * Starts the thread.
     *
     * @param dropped called with the number of records whenever some are lost
     * @param attemptMillis how long writing a batch and its acknowledgement may take, however slowly the bytes go
     */
    ForwardSender(String host, int port, String tag, LongConsumer dropped, long attemptMillis) {
        this.host = host;
        this.port = port;
        this.tag = tag;
        this.dropped = dropped;
        this.attemptMillis = attemptMillis;
        thread.setDaemon(true);
        thread.start();
    }

    /** Takes a record. Its values are texts, numbers and booleans. */
    void send(Instant time, Map<String, Object> record) {
        byte[] entry;
        try {
            entry = entry(time, record);
        } catch (IOException | RuntimeException error) {
            dropped.accept(1);
            return;
        }
        synchronized (this) {
            if (closing) {
                dropped.accept(1);
                return;
            }
            entries.add(entry);
            bytes += entry.length;
            while (entries.size() > QUEUE_RECORDS || bytes > QUEUE_BYTES) {
                bytes -= entries.remove().length;
                dropped.accept(1);
            }
            notifyAll();
        }
    }

    /** Sends what waits, for as long as a stopping process can wait, and drops and counts the rest. */
    @Override
    public void close() {
        synchronized (this) {
            closing = true;
            stopBy = System.nanoTime() + STOP_NANOS;
            notifyAll();
        }
        try {
            TimeUnit.NANOSECONDS.timedJoin(thread, STOP_NANOS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        thread.interrupt();
        disconnect();
        deadlines.cancel();
    }

    private void run() {
        try {
            for (List<byte[]> batch = next(); !batch.isEmpty(); batch = next()) {
                deliver(batch);
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        } finally {
            dropRest();
            disconnect();
        }
    }

    private synchronized void dropRest() {
        closing = true;
        if (!entries.isEmpty()) {
            dropped.accept(entries.size());
            entries.clear();
        }
    }

    /** Waits for records and takes a batch; an empty one at the end. */
    private synchronized List<byte[]> next() throws InterruptedException {
        while (entries.isEmpty() && !closing) {
            wait();
        }
        if (entries.size() < BATCH_RECORDS && !closing) {
            wait(GATHER_MILLIS);
        }
        List<byte[]> batch = new ArrayList<>();
        int size = 0;
        while (!entries.isEmpty() && batch.size() < BATCH_RECORDS && size < BATCH_BYTES) {
            byte[] entry = entries.remove();
            batch.add(entry);
            size += entry.length;
        }
        bytes -= size;
        return batch;
    }

    /** Tries until the batch is acknowledged, or there is no more time: then it is dropped and counted. */
    private void deliver(List<byte[]> batch) throws InterruptedException {
        boolean acknowledged = false;
        try {
            String chunk = UUID.randomUUID().toString();
            long pause = FIRST_PAUSE_MILLIS;
            while (!(acknowledged = attempt(batch, chunk)) && !isLate()) {
                pause(pause);
                pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
            }
        } finally {
            if (!acknowledged) {
                dropped.accept(batch.size());
            }
        }
    }

    private synchronized boolean isLate() {
        return closing && System.nanoTime() - stopBy > 0;
    }

    private synchronized void pause(long millis) throws InterruptedException {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(closing ? FIRST_PAUSE_MILLIS : millis);
        boolean wasClosing = closing;
        for (long left = millis; left > 0 && closing == wasClosing; ) {
            wait(left);
            left = TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime());
        }
    }

    /** Whatever goes wrong, the thread goes on. */
    private boolean attempt(List<byte[]> batch, String chunk) {
        try {
            Socket connection = connect();
            TimerTask deadline = closeLater(connection);
            try {
                write(connection.getOutputStream(), batch, chunk);
                if (chunk.equals(acknowledgement(connection.getInputStream()))) {
                    return true;
                }
            } finally {
                deadline.cancel();
            }
        } catch (IOException | RuntimeException error) {
            // The collector's health check and telemetry_dropped_total say it; a log line would come here again.
        }
        disconnect();
        return false;
    }

    /** Ends an attempt that takes too long: a write has no time-out, and that of a read begins anew with each byte. */
    private TimerTask closeLater(Socket connection) {
        TimerTask deadline = new TimerTask() {
            @Override
            public void run() {
                close(connection);
            }
        };
        deadlines.schedule(deadline, attemptMillis);
        return deadline;
    }

    private Socket connect() throws IOException {
        Socket open = socket;
        if (open == null) {
            Socket made = new Socket();
            made.setTcpNoDelay(true);
            try {
                made.connect(new InetSocketAddress(host, port), CONNECT_MILLIS);
            } catch (IOException | RuntimeException error) {
                made.close();
                throw error;
            }
            socket = open = made;
        }
        return open;
    }

    private void disconnect() {
        Socket open = socket;
        if (open != null) {
            close(open);
            socket = null;
        }
    }

    private static void close(Socket connection) {
        try {
            connection.close();
        } catch (IOException error) {
            // It is gone either way.
        }
    }

    /** A message in Forward mode: the tag, the entries, the options. */
    private void write(OutputStream to, List<byte[]> batch, String chunk) throws IOException {
        MessagePacker packer = MessagePack.newDefaultPacker(new BufferedOutputStream(to));
        packer.packArrayHeader(3).packString(tag).packArrayHeader(batch.size());
        for (byte[] entry : batch) {
            packer.addPayload(entry);
        }
        packer.packMapHeader(1).packString("chunk").packString(chunk).flush();
    }

    private static String acknowledgement(InputStream from) throws IOException {
        MessageUnpacker unpacker = SHORT_ANSWERS.newUnpacker(from);
        return unpacker.unpackMapHeader() == 1 && unpacker.unpackString().equals("ack") ? unpacker.unpackString() : null;
    }

    private static byte[] entry(Instant time, Map<String, Object> record) throws IOException {
        try (MessageBufferPacker packer = MessagePack.newDefaultBufferPacker()) {
            packer.packArrayHeader(2);
            packer.packExtensionTypeHeader((byte) 0, 8); // EventTime
            packer.addPayload(ByteBuffer.allocate(8)
                    .putInt((int) time.getEpochSecond())
                    .putInt(time.getNano())
                    .array());
            packer.packMapHeader(record.size());
            for (Map.Entry<String, Object> field : record.entrySet()) {
                packer.packString(field.getKey());
                pack(packer, field.getValue());
            }
            return packer.toByteArray();
        }
    }

    private static void pack(MessagePacker packer, Object value) throws IOException {
        if (value instanceof Boolean flag) {
            packer.packBoolean(flag);
        } else if (value instanceof Double || value instanceof Float) {
            packer.packDouble(((Number) value).doubleValue());
        } else if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            packer.packLong(((Number) value).longValue());
        } else {
            packer.packString(String.valueOf(value));
        }
    }
}
