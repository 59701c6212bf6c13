package nextphase.inventory.reservation;

import jakarta.servlet.http.HttpServletRequest;
import nextphase.inventory.Settings;
import nextphase.inventory.events.Event;
import nextphase.inventory.events.EventReader;
import nextphase.inventory.web.Problem;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** Where Rio delivers. */
@RestController
class EventsController {
    private final Reserving reserving;
    private final Settings settings;

    EventsController(Reserving reserving, Settings settings) {
        this.reserving = reserving;
        this.settings = settings;
    }

    /** Consumes an event; 204 the first time and every time after. */
    @PostMapping("/inventory/events")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    void deliver(HttpServletRequest request) {
        Event event = EventReader.read(request, settings.maxBodyBytes());
        switch (event.type()) {
            case "order.placed" -> reserving.placed(event);
            // Rio tries again after a 404: while a new version is rolled out, another instance may know the type.
            default -> throw new Problem(
                    HttpStatus.NOT_FOUND, "inventory consumes no events of type " + event.type());
        }
    }
}
