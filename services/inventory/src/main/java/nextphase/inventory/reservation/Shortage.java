package nextphase.inventory.reservation;

import java.util.List;
import java.util.Map;
import nextphase.inventory.stock.StockItem;

/** Too little of one sku; an unknown one has none available. */
public record Shortage(String sku, int requested, int available) {
    /** What of these lines the stock cannot give. */
    static List<Shortage> of(List<Line> lines, Map<String, StockItem> stock) {
        return lines.stream()
                .map(line -> new Shortage(line.sku(), line.quantity(), available(stock.get(line.sku()))))
                .filter(shortage -> shortage.requested() > shortage.available())
                .toList();
    }

    private static int available(StockItem item) {
        return item == null ? 0 : item.available();
    }
}
