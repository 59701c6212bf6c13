package nextphase.inventory.web;

import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import org.springframework.http.HttpStatus;

/** The body of a request, of a size the service can hold. */
public final class Body {
    private Body() {}

    /** Reads a body of at most {@code limit} bytes; a longer one is a 413, one that breaks off a 400. */
    public static byte[] read(HttpServletRequest request, int limit) {
        if (request.getContentLengthLong() > limit) {
            throw tooLarge(limit);
        }
        try {
            byte[] body = request.getInputStream().readNBytes(limit + 1);
            if (body.length > limit) {
                throw tooLarge(limit);
            }
            return body;
        } catch (IOException error) {
            throw new Problem(HttpStatus.BAD_REQUEST, "the body broke off");
        }
    }

    private static Problem tooLarge(int limit) {
        return new Problem(HttpStatus.PAYLOAD_TOO_LARGE, "the body is longer than %d bytes".formatted(limit));
    }
}
