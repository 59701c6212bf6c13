package nextphase.inventory.telemetry;

import io.opentelemetry.api.trace.SpanContext;

/**
 * Whether a request is synthetic: sent by a program that tries the platform. The edge says so in a member of W3C's
 * tracestate; logs and metrics say it by OpenTelemetry's name for it, {@code user_agent.synthetic.type}.
 */
final class Synthetic {
    static final String FIELD = "user_agent_synthetic_type";
    static final String TAG = "user_agent.synthetic.type";

    private static final String KEY = "nextphase";
    private static final String VALUE = "synthetic:test";

    private Synthetic() {}

    /** {@code test} where the trace of the span is synthetic, else an empty text. */
    static String type(SpanContext context) {
        return VALUE.equals(context.getTraceState().get(KEY)) ? "test" : "";
    }
}
