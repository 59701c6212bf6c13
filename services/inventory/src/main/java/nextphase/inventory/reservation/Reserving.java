package nextphase.inventory.reservation;

import java.util.List;
import java.util.Map;
import nextphase.inventory.events.Event;
import nextphase.inventory.events.Inbox;
import nextphase.inventory.events.Outbox;
import nextphase.inventory.stock.StockItem;
import nextphase.inventory.stock.StockStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Service;
import org.springframework.transaction.support.TransactionOperations;

/** Answers orders: all of an order is reserved, or nothing. */
@Service
public class Reserving {
    private static final Logger LOG = LoggerFactory.getLogger(Reserving.class);
    private static final String REASON = "not enough stock";

    private final TransactionOperations transactions;
    private final Inbox inbox;
    private final Outbox outbox;
    private final StockStore stock;
    private final ReservationStore reservations;

    Reserving(
            TransactionOperations transactions,
            Inbox inbox,
            Outbox outbox,
            StockStore stock,
            ReservationStore reservations) {
        this.transactions = transactions;
        this.inbox = inbox;
        this.outbox = outbox;
        this.stock = stock;
        this.reservations = reservations;
    }

    /** Takes an order.placed event: stock, reservation, inbox and the answering event in one transaction. */
    public void placed(Event event) {
        Order order = Order.read(event.data());
        String outcome = transactions.execute(transaction -> inbox.firstTime(event) ? decide(order) : "known event");
        LOG.atInfo()
                .addKeyValue("event_id", event.id())
                .addKeyValue("event_type", event.type())
                .addKeyValue("order_id", order.id())
                .addKeyValue("outcome", outcome)
                .log("order answered");
    }

    private String decide(Order order) {
        Map<String, StockItem> held = stock.lock(order.lines().stream().map(Line::sku).toList());
        List<Shortage> shortages = Shortage.of(order.lines(), held);
        String state = shortages.isEmpty() ? "reserved" : "rejected";
        String reason = shortages.isEmpty() ? null : REASON;
        // Another event may have brought the same order.
        if (!reservations.add(new Reservation(order.id(), state, order.lines(), reason))) {
            return "known order";
        }
        if (shortages.isEmpty()) {
            reserve(order);
        } else {
            reject(order, shortages);
        }
        return state;
    }

    private void reserve(Order order) {
        stock.reserve(
                order.lines().stream().map(Line::sku).toList(),
                order.lines().stream().map(Line::quantity).toList());
        String id = order.id().toString();
        outbox.emit("stock.reserved", id, Map.of("order_id", id, "lines", order.lines()));
    }

    private void reject(Order order, List<Shortage> shortages) {
        String id = order.id().toString();
        outbox.emit("stock.rejected", id, Map.of("order_id", id, "reason", REASON, "shortages", shortages));
    }
}
