package nextphase.inventory.reservation;

import java.util.UUID;
import nextphase.inventory.web.Fields;
import nextphase.inventory.web.Problem;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

/** Reservations over HTTP. */
@RestController
class ReservationController {
    private final ReservationStore store;

    ReservationController(ReservationStore store) {
        this.store = store;
    }

    @GetMapping("/inventory/reservations/{id}")
    Reservation reservation(@PathVariable String id) {
        if (!Fields.UUID_FORM.matcher(id).matches()) {
            throw unknown();
        }
        return store.find(UUID.fromString(id)).orElseThrow(ReservationController::unknown);
    }

    private static Problem unknown() {
        return new Problem(HttpStatus.NOT_FOUND, "no reservation for such an order");
    }
}
