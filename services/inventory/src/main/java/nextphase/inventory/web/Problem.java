package nextphase.inventory.web;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.MediaType;

/** An answer that tells of an error, as RFC 9457 has it. Thrown, it becomes the answer of the request. */
public final class Problem extends RuntimeException {
    public static final MediaType MEDIA_TYPE = MediaType.APPLICATION_PROBLEM_JSON;

    private final HttpStatusCode status;
    private final String detail;
    private final List<Fault> faults;

    /**
     * One thing wrong with a document.
     *
     * @param pointer JSON Pointer to it, as a URI fragment: {@code #/lines/0/sku}
     */
    public record Fault(String pointer, String detail) {}

    public Problem(HttpStatusCode status, String detail) {
        this(status, detail, List.of());
    }

    public Problem(HttpStatusCode status, String detail, List<Fault> faults) {
        super(detail, null, false, false);
        this.status = status;
        this.detail = detail;
        this.faults = List.copyOf(faults);
    }

    public HttpStatusCode status() {
        return status;
    }

    /** The document, with the id of the trace it happened in. */
    public Map<String, Object> document() {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("type", "about:blank");
        document.put("title", title(status));
        document.put("status", status.value());
        document.put("detail", detail);
        SpanContext context = Span.current().getSpanContext();
        if (context.isValid()) {
            document.put("trace_id", context.getTraceId());
        }
        if (!faults.isEmpty()) {
            document.put("errors", faults);
        }
        return document;
    }

    private static String title(HttpStatusCode status) {
        HttpStatus known = HttpStatus.resolve(status.value());
        return known == null ? "Error" : known.getReasonPhrase();
    }
}
