package nextphase.inventory.stock;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How much there is of one sku. */
public record StockItem(String sku, @JsonProperty("on_hand") int onHand, int reserved) {
    /** What can still be reserved. */
    @JsonProperty
    public int available() {
        return onHand - reserved;
    }
}
