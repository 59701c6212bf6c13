package nextphase.inventory.web;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.springframework.http.HttpStatus;

/** JSON from outside: one object, well-formed to the letter, no name twice in it. */
public final class Json {
    private static final JsonMapper STRICT = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            // A double would change the digits of 12345678901234567.89, and has no 1e400 at all.
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    private Json() {}

    /** Reads a body; what is no JSON object in UTF-8 is a 400. */
    public static ObjectNode object(byte[] body) {
        try {
            // Jackson's own decoder lets overlong forms and surrogates pass.
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
            JsonNode node = STRICT.readTree(text);
            if (node instanceof ObjectNode object) {
                return object;
            }
            throw new Problem(HttpStatus.BAD_REQUEST, "the body is no JSON object");
        } catch (CharacterCodingException error) {
            throw new Problem(HttpStatus.BAD_REQUEST, "the body is not valid UTF-8");
        } catch (JsonProcessingException error) {
            throw new Problem(HttpStatus.BAD_REQUEST, "the body is not valid JSON" + place(error.getLocation()));
        }
    }

    private static String place(JsonLocation location) {
        return location == null ? "" : ": line %d, column %d".formatted(location.getLineNr(), location.getColumnNr());
    }
}
