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
 * Leaves housekeeping out of the traces: health and metrics requests, and calls to others that no request is
 * behind, such as health checks, migrations and what the connection pool does.
 */
final class HousekeepingSampler implements Sampler {
    private static final AttributeKey<String> PATH = AttributeKey.stringKey("url.path");

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
                    case CLIENT -> !Span.fromContext(parent).getSpanContext().isValid();
                    default -> false;
                };
        return housekeeping
                ? SamplingResult.drop()
                : rest.shouldSample(parent, traceId, name, kind, attributes, links);
    }

    private static boolean isProbe(String path) {
        return path != null && (path.equals("/metrics") || path.equals("/health") || path.startsWith("/health/"));
    }

    @Override
    public String getDescription() {
        return "HousekeepingSampler{" + rest.getDescription() + "}";
    }
}
