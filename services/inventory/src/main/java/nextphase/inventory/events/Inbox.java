package nextphase.inventory.events;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** Idempotent consumption: Rio delivers at least once, the inbox lets an event act once. */
@Repository
public class Inbox {
    private final JdbcClient jdbc;

    Inbox(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /**
     * Records the event in the open transaction; false if it was consumed before. A second delivery at the same
     * time waits for the first one's transaction, so exactly one of the two acts.
     */
    public boolean firstTime(Event event) {
        return jdbc.sql("INSERT INTO inbox (source, id) VALUES (?, ?) ON CONFLICT (source, id) DO NOTHING")
                        .params(event.source(), event.id())
                        .update()
                == 1;
    }
}
