package nextphase.inventory.reservation;

import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** The reservation tables. */
@Repository
class ReservationStore {
    private final JdbcClient jdbc;

    ReservationStore(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    Optional<Reservation> find(UUID orderId) {
        return jdbc.sql("SELECT state, reason FROM reservation WHERE order_id = ?")
                .param(orderId)
                .query((row, index) ->
                        new Reservation(orderId, row.getString("state"), lines(orderId), row.getString("reason")))
                .optional();
    }

    /** Keeps it; false if the order has one already. */
    boolean add(Reservation reservation) {
        int added = jdbc.sql("""
                        INSERT INTO reservation (order_id, state, reason) VALUES (?, ?, ?)
                        ON CONFLICT (order_id) DO NOTHING""")
                .params(reservation.orderId(), reservation.state(), reservation.reason())
                .update();
        if (added == 0) {
            return false;
        }
        List<Line> lines = reservation.lines();
        jdbc.sql("""
                        INSERT INTO reservation_line (order_id, sku, quantity)
                        SELECT ?, line.sku, line.quantity FROM unnest(?::text[], ?::integer[]) AS line (sku, quantity)""")
                .params(
                        reservation.orderId(),
                        lines.stream().map(Line::sku).toArray(String[]::new),
                        lines.stream().map(Line::quantity).toArray(Integer[]::new))
                .update();
        return true;
    }

    private List<Line> lines(UUID orderId) {
        return jdbc.sql("SELECT sku, quantity FROM reservation_line WHERE order_id = ? ORDER BY sku")
                .param(orderId)
                .query((row, index) -> new Line(row.getString("sku"), row.getInt("quantity")))
                .list();
    }
}
