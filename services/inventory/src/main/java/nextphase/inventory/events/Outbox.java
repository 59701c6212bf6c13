package nextphase.inventory.events;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/**
 * The transactional outbox: an event is a row written with the business data it speaks of. The relay ships
 * committed rows to Rio; the trace goes on from the context stored with the row.
 */
@Repository
public class Outbox {
    private static final String SOURCE = "/inventory";

    private final JdbcClient jdbc;
    // NaN is no number of JSON: as a text, which it becomes by default, it would be another value.
    private final JsonMapper mapper =
            JsonMapper.builder().disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS).build();
    private final Tracer tracer = GlobalOpenTelemetry.getTracer("nextphase.inventory");

    Outbox(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /**
     * Writes an event in the open transaction.
     *
     * @param subject the aggregate's id: events of one subject are shipped in the order written
     * @param data what JSON can say; a BigDecimal keeps its digits, NaN and infinities are refused by the database
     */
    public void emit(String type, String subject, Map<String, Object> data) {
        UUID id = UUID.randomUUID();
        Span span = span(type, subject, id);
        try (Scope ignored = span.makeCurrent()) {
            insert(id, type, subject, json(data));
        } finally {
            span.end();
        }
    }

    private void insert(UUID id, String type, String subject, String data) {
        Map<String, String> context = new HashMap<>();
        W3CTraceContextPropagator.getInstance().inject(Context.current(), context, Map::put);
        jdbc.sql("""
                        INSERT INTO outbox (id, type, source, subject, data, traceparent, tracestate)
                        VALUES (?, ?, ?, ?, ?::json, ?, ?)""")
                .params(id, type, SOURCE, subject, data, context.get("traceparent"), context.get("tracestate"))
                .update();
    }

    private Span span(String type, String subject, UUID id) {
        return tracer.spanBuilder("create " + type)
                .setSpanKind(SpanKind.PRODUCER)
                .setAttribute("messaging.system", "rio")
                .setAttribute("messaging.operation.name", "create")
                .setAttribute("messaging.operation.type", "create")
                .setAttribute("messaging.destination.name", type)
                .setAttribute("messaging.message.id", id.toString())
                .setAttribute("cloudevents.event_id", id.toString())
                .setAttribute("cloudevents.event_type", type)
                .setAttribute("cloudevents.event_source", SOURCE)
                .setAttribute("cloudevents.event_subject", subject)
                .startSpan();
    }

    private String json(Map<String, Object> data) {
        try {
            return mapper.writeValueAsString(data);
        } catch (JsonProcessingException error) {
            throw new IllegalArgumentException("no JSON can be made of an event's data", error);
        }
    }
}
