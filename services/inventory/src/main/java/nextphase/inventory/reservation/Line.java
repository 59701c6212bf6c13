package nextphase.inventory.reservation;

/** So many pieces of one sku. */
public record Line(String sku, int quantity) {}
