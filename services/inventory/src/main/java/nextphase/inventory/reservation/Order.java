package nextphase.inventory.reservation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import nextphase.inventory.stock.Sku;
import nextphase.inventory.web.Fields;

/** What an order.placed event asks for. */
public record Order(UUID id, List<Line> lines) {
    private static final int MOST_LINES = 100;
    private static final int MOST_PIECES = 10_000;

    /** Reads the event's data. Fields it does not know are left alone: events grow. */
    public static Order read(ObjectNode data) {
        Fields fields = new Fields(data, "#/data");
        UUID id = fields.uuid("order_id");
        List<Line> lines = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        for (Fields line : fields.objects("lines", 1, MOST_LINES)) {
            String sku = line.text("sku", Sku.PATTERN, Sku.FORM);
            Integer quantity = line.integer("quantity", 1, MOST_PIECES);
            if (sku != null && !seen.add(sku)) {
                line.fault("sku", "is in another line already");
            }
            if (sku != null && quantity != null) {
                lines.add(new Line(sku, quantity));
            }
        }
        fields.check();
        return new Order(id, List.copyOf(lines));
    }
}
