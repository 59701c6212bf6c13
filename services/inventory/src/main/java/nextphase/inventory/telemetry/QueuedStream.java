package nextphase.inventory.telemetry;

import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;

/**
 * Writes lines to a stream from a thread of its own: whoever logs does not wait for a pipe that nobody reads. Meanwhile
 * lines wait in bounded memory, the oldest dropped first; what is dropped is counted.
 */
final class QueuedStream extends OutputStream {
    static final int QUEUE_LINES = 8192;
    static final int QUEUE_BYTES = 8 * 1024 * 1024;
    private static final long STOP_NANOS = TimeUnit.SECONDS.toNanos(3);

    private final OutputStream stream;
    private final LongConsumer dropped;
    private final Thread thread = new Thread(this::run, "line-writer");
    private final Deque<byte[]> lines = new ArrayDeque<>();
    private int bytes;
    private boolean closing;

    /**
     * Starts the thread.
     *
     * @param dropped called with the number of lines whenever some are lost
     */
    QueuedStream(OutputStream stream, LongConsumer dropped) {
        this.stream = stream;
        this.dropped = dropped;
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void write(int single) {
        write(new byte[] {(byte) single}, 0, 1);
    }

    /** Takes a line. */
    @Override
    public synchronized void write(byte[] line, int offset, int length) {
        if (closing) {
            dropped.accept(1);
            return;
        }
        lines.add(Arrays.copyOfRange(line, offset, offset + length));
        bytes += length;
        while (lines.size() > QUEUE_LINES || bytes > QUEUE_BYTES) {
            bytes -= lines.remove().length;
            dropped.accept(1);
        }
        notifyAll();
    }

    /** Writes what waits, for as long as a stopping process can wait. */
    @Override
    public void close() {
        synchronized (this) {
            closing = true;
            notifyAll();
        }
        try {
            TimeUnit.NANOSECONDS.timedJoin(thread, STOP_NANOS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        try {
            for (byte[] line = next(); line != null; line = next()) {
                stream.write(line);
                stream.flush();
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        } catch (IOException error) {
            dropRest(); // the stream is gone: nowhere left to say so
        }
    }

    private synchronized void dropRest() {
        closing = true;
        dropped.accept(1L + lines.size());
        lines.clear();
    }

    /** Waits for a line; null at the end. */
    private synchronized byte[] next() throws InterruptedException {
        while (lines.isEmpty() && !closing) {
            wait();
        }
        byte[] line = lines.poll();
        bytes -= line == null ? 0 : line.length;
        return line;
    }
}
