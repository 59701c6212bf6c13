package nextphase.inventory.events;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import jakarta.servlet.http.HttpServletRequest;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import nextphase.inventory.web.Body;
import nextphase.inventory.web.Json;
import nextphase.inventory.web.Problem;
import org.springframework.http.HttpStatus;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;

/** Reads a CloudEvent 1.0 from an HTTP request, in binary or structured mode. */
public final class EventReader {
    private static final MediaType STRUCTURED = MediaType.valueOf("application/cloudevents+json");

    // What CloudEvents forbids in a text, and the inbox could not keep.
    private static final Pattern ATTRIBUTE = Pattern.compile("[^\\p{Cntrl}\\p{Cs}]+");

    private static final Pattern DELIVERY = Pattern.compile("[!-~]{1,255}");

    private EventReader() {}

    /** Reads the event of a body of at most {@code limit} bytes; what is none is a 400, what is no event's media type a 415. */
    public static Event read(HttpServletRequest request, int limit) {
        MediaType type = mediaType(request.getContentType());
        byte[] body = Body.read(request, limit);
        if (STRUCTURED.equalsTypeAndSubtype(type)) {
            ObjectNode document = Json.object(body);
            return event(request, name -> member(document, name), document.get("data"));
        }
        if (!type.isCompatibleWith(MediaType.APPLICATION_JSON)) {
            throw new Problem(HttpStatus.UNSUPPORTED_MEDIA_TYPE, "neither application/json nor " + STRUCTURED);
        }
        return event(request, name -> header(request, name), Json.object(body));
    }

    private static Event event(HttpServletRequest request, UnaryOperator<String> attribute, JsonNode data) {
        if (!"1.0".equals(attribute.apply("specversion"))) {
            throw bad("specversion must be 1.0");
        }
        if (!(data instanceof ObjectNode object)) {
            throw bad("data must be a JSON object");
        }
        return new Event(
                required(attribute, "id"),
                required(attribute, "source"),
                required(attribute, "type"),
                object,
                delivery(request));
    }

    private static String delivery(HttpServletRequest request) {
        String identity = request.getHeader("webhook-id");
        if (identity != null && !DELIVERY.matcher(identity).matches()) {
            throw bad("webhook-id must be 1 to 255 printable ASCII characters");
        }
        return identity;
    }

    private static String required(UnaryOperator<String> attribute, String name) {
        String value = attribute.apply(name);
        if (value == null || !ATTRIBUTE.matcher(value).matches()) {
            throw bad(name + " must be a string, not empty and without control characters");
        }
        return value;
    }

    private static String member(ObjectNode document, String name) {
        JsonNode value = document.get(name);
        return value != null && value.isTextual() ? value.textValue() : null;
    }

    private static String header(HttpServletRequest request, String name) {
        String value = request.getHeader("ce-" + name);
        return value == null ? null : decoded(value);
    }

    /** Undoes the percent-encoding the HTTP binding wants for what is not ASCII; unlike a form's, + is a +. */
    private static String decoded(String value) {
        ByteBuffer bytes = ByteBuffer.allocate(value.length());
        for (int index = 0; index < value.length(); index++) {
            char character = value.charAt(index);
            if (character == '%' && value.length() > index + 2 && isHex(value, index + 1)) {
                bytes.put((byte) Integer.parseInt(value, index + 1, index + 3, 16));
                index += 2;
            } else {
                bytes.put((byte) character);
            }
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes.flip()).toString();
        } catch (CharacterCodingException error) {
            throw bad("an attribute is not valid UTF-8");
        }
    }

    private static boolean isHex(String text, int index) {
        return Character.digit(text.charAt(index), 16) >= 0 && Character.digit(text.charAt(index + 1), 16) >= 0;
    }

    private static MediaType mediaType(String text) {
        try {
            return MediaType.parseMediaType(text == null ? "" : text);
        } catch (InvalidMediaTypeException error) {
            throw new Problem(HttpStatus.UNSUPPORTED_MEDIA_TYPE, "no media type");
        }
    }

    private static Problem bad(String detail) {
        return new Problem(HttpStatus.BAD_REQUEST, "not a CloudEvent: " + detail);
    }
}
