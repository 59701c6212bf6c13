package nextphase.inventory.telemetry;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import java.util.LinkedHashMap;
import java.util.Map;

/** A log event in the form every hop of the platform gives it. */
final class LogRecord {
    private LogRecord() {}

    /** The record of an event, made in the thread that logs it: the current span is the one it belongs to. */
    static Map<String, Object> of(ILoggingEvent event, String service, String instance) {
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("time", event.getInstant().toString());
        record.put("level", level(event.getLevel()));
        record.put("service", service);
        record.put("instance", instance);
        record.put("message", event.getFormattedMessage());
        record.put("logger", event.getLoggerName());
        SpanContext context = Span.current().getSpanContext();
        if (context.isValid()) {
            record.put("trace_id", context.getTraceId());
            record.put("span_id", context.getSpanId());
        }
        if (event.getKeyValuePairs() != null) {
            event.getKeyValuePairs().stream()
                    .filter(pair -> pair.value != null)
                    .forEach(pair -> record.put(pair.key, plain(pair.value)));
        }
        if (event.getThrowableProxy() != null) {
            record.put("exception", ThrowableProxyUtil.asString(event.getThrowableProxy()));
        }
        return record;
    }

    private static String level(Level level) {
        return switch (level.toInt()) {
            case Level.ERROR_INT -> "error";
            case Level.WARN_INT -> "warning";
            case Level.INFO_INT -> "info";
            default -> "debug";
        };
    }

    private static Object plain(Object value) {
        return value instanceof Number || value instanceof Boolean ? value : String.valueOf(value);
    }
}
