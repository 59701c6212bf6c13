package nextphase.inventory.reservation;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.UUID;

/**
 * What became of an order.
 *
 * @param state {@code reserved} or {@code rejected}
 * @param reason why it was rejected, else null
 */
public record Reservation(
        @JsonProperty("order_id") UUID orderId, String state, List<Line> lines, String reason) {}
