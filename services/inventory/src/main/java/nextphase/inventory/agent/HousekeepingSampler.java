package nextphase.inventory.agent;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.util.List;

/**
 * Leaves housekeeping out of the traces: health and metrics requests, the connection pool's test of a connection,
 * and calls to others that no request is behind, such as health checks and migrations.
 */
final class HousekeepingSampler implements Sampler {
    private static final AttributeKey<String> PATH = AttributeKey.stringKey("url.path");

    private static final AttributeKey<String> DATABASE = AttributeKey.stringKey("db.system.name");
    private static final AttributeKey<String> QUERY = AttributeKey.stringKey("db.query.text");

    private final Sampler rest;

    HousekeepingSampler(Sampler rest) {
        this.rest = rest;
    }

    @Override
    public SamplingResult shouldSample(
            Context parent, String traceId, String name, SpanKind kind, Attributes attributes, List<LinkData> links) {
        boolean housekeeping =
                switch (kind) {
                    case SERVER -> isProbe(attributes.get(PATH));
                    case CLIENT -> isRoot(parent) || isValidation(attributes);
                    default -> false;
                };
        return housekeeping
                ? SamplingResult.drop()
                : rest.shouldSample(parent, traceId, name, kind, attributes, links);
    }

    private static boolean isRoot(Context parent) {
        return !Span.fromContext(parent).getSpanContext().isValid();
    }

    /** The empty query with which the pool finds out whether a connection still works. */
    private static boolean isValidation(Attributes attributes) {
        String query = attributes.get(QUERY);
        return attributes.get(DATABASE) != null && (query == null || query.isEmpty());
    }

    private static boolean isProbe(String path) {
        return path != null && (path.equals("/metrics") || path.equals("/health") || path.startsWith("/health/"));
    }

    @Override
    public String getDescription() {
        return "HousekeepingSampler{" + rest.getDescription() + "}";
    }
}
