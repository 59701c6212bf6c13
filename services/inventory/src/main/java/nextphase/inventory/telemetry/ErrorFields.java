package nextphase.inventory.telemetry;

import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.StackTraceElementProxy;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;

/** The fields of a log record that tell of an exception. */
final class ErrorFields {
    /** Names that no record may use for anything else. */
    static final Set<String> NAMES = Set.of("error_type", "error_message", "error_stack", "error_fingerprint");

    /** Those next to where the exception was raised. */
    private static final int METHODS = 64;

    private static final int CAUSES = 16;
    private static final int BYTES = 8;

    /** Packages whose methods change once a reflective call has been compiled (after 15 calls in Java 17). */
    private static final List<String> REFLECTION =
            List.of("jdk.internal.reflect.", "java.lang.reflect.", "sun.reflect.");

    private ErrorFields() {}

    /** Type, message and stack trace of an exception, and a fingerprint that is equal for equal faults. */
    static Map<String, String> of(IThrowableProxy error) {
        return Map.of(
                "error_type", error.getClassName(),
                "error_message", String.valueOf(error.getMessage()),
                "error_stack", ThrowableProxyUtil.asString(error),
                "error_fingerprint", fingerprint(error));
    }

    /**
     * Of the types of an exception and its causes and of the methods it passed, those of reflection left out; not of
     * messages and line numbers, which differ from one request or release to the next.
     */
    static String fingerprint(IThrowableProxy error) {
        StringJoiner parts = new StringJoiner("\n");
        IThrowableProxy at = error;
        for (int depth = 0; at != null && depth < CAUSES; depth++, at = at.getCause()) {
            parts.add(at.getClassName());
        }
        Arrays.stream(error.getStackTraceElementProxyArray())
                .map(StackTraceElementProxy::getStackTraceElement)
                .filter(frame -> REFLECTION.stream().noneMatch(frame.getClassName()::startsWith))
                .map(frame -> frame.getClassName() + ":" + frame.getMethodName())
                .distinct() // of a recursion each method counts once, however deep it went
                .limit(METHODS)
                .forEach(parts::add);
        return HexFormat.of().formatHex(digest(parts.toString()), 0, BYTES);
    }

    private static byte[] digest(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Java has SHA-256", error);
        }
    }
}
