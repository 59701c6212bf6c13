package nextphase.inventory.events;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/**
 * Idempotent consumption: Rio delivers at least once, the inbox lets an event act once at each path that takes it,
 * and once more for each replay: what is kept is the delivery's id.
 */
@Repository
public class Inbox {
    private static final int MOST_INDEXED_BYTES = 1024;

    private final JdbcClient jdbc;

    Inbox(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /**
     * Records the event in the open transaction; false if this delivery was consumed before. A second one at the
     * same time waits for the first one's transaction, so exactly one of the two acts.
     */
    public boolean firstTime(Event event) {
        return jdbc.sql("INSERT INTO inbox (source, id) VALUES (?, ?) ON CONFLICT (source, id) DO NOTHING")
                        .params(indexable(event.source()), event.delivery() != null ? event.delivery() : indexable(event.id()))
                        .update()
                == 1;
    }

    /** The text, or its SHA-256 where PostgreSQL's index could not hold it: as the Python services' inbox has it. */
    private static String indexable(String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        return encoded.length <= MOST_INDEXED_BYTES ? text : "sha256:" + HexFormat.of().formatHex(sha256(encoded));
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Java has SHA-256", error);
        }
    }
}
