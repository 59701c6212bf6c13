package nextphase.inventory.stock;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** The stock table. */
@Repository
public class StockStore {
    private final JdbcClient jdbc;

    StockStore(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /** A stock row as written, and whether it was new. */
    public record Written(StockItem item, boolean created) {}

    /** Up to {@code limit} items in sku order, beginning behind {@code after}. */
    public List<StockItem> page(String after, int limit) {
        return jdbc.sql("SELECT sku, on_hand, reserved FROM stock WHERE sku > ? ORDER BY sku LIMIT ?")
                .params(after, limit)
                .query(StockStore::item)
                .list();
    }

    public Optional<StockItem> find(String sku) {
        return jdbc.sql("SELECT sku, on_hand, reserved FROM stock WHERE sku = ?")
                .param(sku)
                .query(StockStore::item)
                .optional();
    }

    /** Sets what is on hand; empty if less than is reserved already. */
    public Optional<Written> put(String sku, int onHand) {
        return jdbc.sql("""
                        INSERT INTO stock AS held (sku, on_hand) VALUES (?, ?)
                        ON CONFLICT (sku) DO UPDATE SET on_hand = excluded.on_hand
                        WHERE held.reserved <= excluded.on_hand
                        RETURNING sku, on_hand, reserved, xmax = 0 AS created""")
                .params(sku, onHand)
                .query((row, index) -> new Written(item(row, index), row.getBoolean("created")))
                .optional();
    }

    /**
     * Locks these skus until the transaction ends. Always in sku order, so that two orders cannot wait for each
     * other.
     */
    public Map<String, StockItem> lock(Collection<String> skus) {
        return jdbc
                .sql("SELECT sku, on_hand, reserved FROM stock WHERE sku = ANY (?) ORDER BY sku FOR UPDATE")
                .param(skus.toArray(String[]::new))
                .query(StockStore::item)
                .stream()
                .collect(Collectors.toMap(StockItem::sku, Function.identity()));
    }

    /** Adds to what is reserved of each sku; quantities are in the order of the skus. */
    public void reserve(List<String> skus, List<Integer> quantities) {
        jdbc.sql("""
                        UPDATE stock SET reserved = reserved + line.quantity
                        FROM unnest(?::text[], ?::integer[]) AS line (sku, quantity)
                        WHERE stock.sku = line.sku""")
                .params(skus.toArray(String[]::new), quantities.toArray(Integer[]::new))
                .update();
    }

    private static StockItem item(ResultSet row, int index) throws SQLException {
        return new StockItem(row.getString("sku"), row.getInt("on_hand"), row.getInt("reserved"));
    }
}
