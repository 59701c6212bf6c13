package nextphase.inventory.telemetry;

import java.util.LinkedHashMap;
import java.util.Map;
import nextphase.inventory.Settings;
import nextphase.inventory.telemetry.Health.Report;
import nextphase.inventory.telemetry.Health.Status;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Health over HTTP. */
@RestController
class HealthController {
    private static final MediaType MEDIA_TYPE = MediaType.valueOf("application/health+json");

    private final Health health;
    private final Settings settings;

    HealthController(Health health, Settings settings) {
        this.health = health;
        this.settings = settings;
    }

    /** Whether the process serves at all. */
    @GetMapping("/health/live")
    ResponseEntity<Map<String, Object>> live() {
        return answer(new Report(Status.PASS, Map.of()));
    }

    /** Whether it can do its work; with all it depends on. */
    @GetMapping({"/health/ready", "/health"})
    ResponseEntity<Map<String, Object>> ready() {
        return answer(health.examine());
    }

    private ResponseEntity<Map<String, Object>> answer(Report report) {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("status", report.status());
        document.put("service", "inventory");
        document.put("instance", settings.process());
        document.put("checks", report.checks());
        HttpStatus status = report.ready() ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE;
        return ResponseEntity.status(status)
                .contentType(MEDIA_TYPE)
                .header("Cache-Control", "no-store")
                .body(document);
    }
}
