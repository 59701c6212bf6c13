package nextphase.inventory.web;

import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import org.springframework.http.HttpStatus;

/** The body of a request, of a size the service can hold. */
public final class Body {
    /** The longest body taken, in bytes. */
    public static final int LIMIT = 256 * 1024;

    private Body() {}

    /** Reads the body; a longer one is a 413, one that breaks off a 400. */
    public static byte[] read(HttpServletRequest request) {
        if (request.getContentLengthLong() > LIMIT) {
            throw tooLarge();
        }
        try {
            byte[] body = request.getInputStream().readNBytes(LIMIT + 1);
            if (body.length > LIMIT) {
                throw tooLarge();
            }
            return body;
        } catch (IOException error) {
            throw new Problem(HttpStatus.BAD_REQUEST, "the body broke off");
        }
    }

    private static Problem tooLarge() {
        return new Problem(HttpStatus.PAYLOAD_TOO_LARGE, "the body is longer than %d bytes".formatted(LIMIT));
    }
}
