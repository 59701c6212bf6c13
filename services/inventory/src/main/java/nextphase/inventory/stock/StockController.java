package nextphase.inventory.stock;

import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import java.util.Map;
import java.util.Set;
import nextphase.inventory.Settings;
import nextphase.inventory.stock.StockStore.Written;
import nextphase.inventory.web.Body;
import nextphase.inventory.web.Fields;
import nextphase.inventory.web.Json;
import nextphase.inventory.web.Problem;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Stock over HTTP. */
@RestController
@RequestMapping("/inventory/stock")
class StockController {
    private static final int LONGEST_PAGE = 1000;
    private static final int MOST_ON_HAND = 1_000_000_000;

    private final StockStore store;
    private final Settings settings;

    StockController(StockStore store, Settings settings) {
        this.store = store;
        this.settings = settings;
    }

    /**
     * Lists the stock in sku order.
     *
     * @param after begin behind this sku
     * @param limit how many items at most, up to 1000
     */
    @GetMapping
    Map<String, List<StockItem>> list(
            @RequestParam(defaultValue = "") String after,
            @RequestParam(defaultValue = "" + LONGEST_PAGE) int limit) {
        if (limit < 1 || limit > LONGEST_PAGE) {
            throw new Problem(HttpStatus.UNPROCESSABLE_ENTITY, "limit must be from 1 to " + LONGEST_PAGE);
        }
        if (!after.isEmpty() && !Sku.matches(after)) {
            throw new Problem(HttpStatus.UNPROCESSABLE_ENTITY, "after must be " + Sku.FORM);
        }
        return Map.of("items", store.page(after, limit));
    }

    @GetMapping("/{sku}")
    StockItem item(@PathVariable String sku) {
        if (!Sku.matches(sku)) {
            throw unknown();
        }
        return store.find(sku).orElseThrow(StockController::unknown);
    }

    @PutMapping(path = "/{sku}", consumes = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<StockItem> put(@PathVariable String sku, HttpServletRequest request) {
        if (!Sku.matches(sku)) {
            throw new Problem(HttpStatus.UNPROCESSABLE_ENTITY, "the last part of the path must be " + Sku.FORM);
        }
        Fields fields = new Fields(Json.object(Body.read(request, settings.maxBodyBytes())));
        Integer onHand = fields.integer("on_hand", 0, MOST_ON_HAND);
        fields.only(Set.of("on_hand"));
        fields.check();
        Written written = store.put(sku, onHand)
                .orElseThrow(() -> new Problem(HttpStatus.CONFLICT, "more of " + sku + " is reserved than that"));
        HttpStatus status = written.created() ? HttpStatus.CREATED : HttpStatus.OK;
        return ResponseEntity.status(status).body(written.item());
    }

    private static Problem unknown() {
        return new Problem(HttpStatus.NOT_FOUND, "no such sku");
    }
}
