package nextphase.inventory.telemetry;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** A log event in the form every hop of the platform gives it. */
final class LogRecord {
    /** Below what Loki takes of one record: 128 fields and 64 KiB. */
    private static final int MAX_FIELDS = 96;

    private static final int MAX_BYTES = 48 * 1024;
    private static final int MAX_TEXT = 16 * 1024;
    private static final int MAX_NAME = 128;
    private static final Pattern LETTER = Pattern.compile("[A-Za-z0-9]");
    private static final Set<String> RESERVED = Set.of("trace_id", "span_id", Synthetic.FIELD);

    private LogRecord() {}

    /** The record of an event, made in the thread that logs it: the current span is the one it belongs to. */
    static Map<String, Object> of(ILoggingEvent event, String service, String instance) {
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("time", event.getInstant().toString());
        record.put("level", level(event.getLevel()));
        record.put("service", service);
        record.put("instance", instance);
        record.put("message", masked(event.getFormattedMessage()));
        record.put("logger", event.getLoggerName());
        Map<String, Object> extra = new LinkedHashMap<>();
        SpanContext context = Span.current().getSpanContext();
        if (context.isValid()) {
            record.put("trace_id", context.getTraceId());
            record.put("span_id", context.getSpanId());
            if (!Synthetic.type(context).isEmpty()) {
                record.put(Synthetic.FIELD, Synthetic.type(context));
            }
        }
        if (event.getKeyValuePairs() != null) {
            event.getKeyValuePairs().stream()
                    .filter(pair -> pair.value != null)
                    .forEach(pair -> extra.put(name(pair.key, record), masked(pair.key, plain(pair.value))));
        }
        if (event.getThrowableProxy() != null) {
            ErrorFields.of(event.getThrowableProxy()).forEach((name, text) -> record.put(name, masked(text)));
        }
        record.putAll(extra);
        return limited(record);
    }

    /**
     * A record that the log store takes: it refuses every record of a request for one beyond its bounds. What does not
     * fit is cut or left out, and "omitted_fields" says how many were.
     */
    private static Map<String, Object> limited(Map<String, Object> record) {
        Map<String, Object> limited = new LinkedHashMap<>();
        int left = MAX_BYTES;
        int omitted = 0;
        for (Map.Entry<String, Object> field : record.entrySet()) {
            left -= 3 * field.getKey().length();
            if (limited.size() >= MAX_FIELDS || left <= 0) {
                omitted++;
                continue;
            }
            Object value = field.getValue();
            if (value instanceof String text) {
                // The message is the line, which has bounds of its own; a character is three bytes at most.
                boolean isLine = field.getKey().equals("message");
                text = cut(text, isLine ? MAX_TEXT : Math.min(left / 3, MAX_TEXT));
                left -= isLine ? 0 : text.getBytes(StandardCharsets.UTF_8).length;
                value = text;
            }
            limited.put(field.getKey(), value);
        }
        if (omitted > 0) {
            limited.put("omitted_fields", omitted);
        }
        return limited;
    }

    private static String cut(String text, int limit) {
        if (text.length() <= limit) {
            return text;
        }
        int end = Math.max(limit - 1, 0);
        return text.substring(0, end > 0 && Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end) + "…";
    }

    /** A name that the log store takes, with a letter or digit of ASCII, and that the record does not have itself. */
    private static String name(String name, Map<String, Object> record) {
        String usable = cut(String.valueOf(name), MAX_NAME);
        boolean isTaken = record.containsKey(usable) || RESERVED.contains(usable) || ErrorFields.NAMES.contains(usable);
        boolean isUsable = LETTER.matcher(usable).find() && !isTaken;
        return isUsable ? usable : "extra_" + usable;
    }

    static String level(Level level) {
        return switch (level.toInt()) {
            case Level.ERROR_INT -> "error";
            case Level.WARN_INT -> "warning";
            case Level.INFO_INT -> "info";
            default -> "debug";
        };
    }

    /** A value as JSON and MessagePack have it; a number that only one of them has, or that has no bound, is a text. */
    private static Object plain(Object value) {
        boolean isPlain = value instanceof Boolean
                || value instanceof Byte
                || value instanceof Short
                || value instanceof Integer
                || value instanceof Long
                || value instanceof Double number && Double.isFinite(number)
                || value instanceof Float single && Float.isFinite(single);
        return isPlain ? value : text(value);
    }

    private static Object masked(String name, Object value) {
        if (name != null && Masking.isSecret(name)) {
            return Masking.MASK;
        }
        return value instanceof String text ? masked(text) : value;
    }

    /** No more than what is kept of it anyhow. */
    private static String masked(String text) {
        return text == null ? null : Masking.mask(cut(text, MAX_TEXT));
    }

    private static String text(Object value) {
        try {
            return String.valueOf(value);
        } catch (RuntimeException | StackOverflowError error) { // a broken toString() must not cost the record
            return "<" + value.getClass().getSimpleName() + ">";
        }
    }
}
