package nextphase.inventory.agent;

import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import java.util.Map;

/** What the agent shall do that no setting of its own can say. The agent finds it as an extension. */
public final class Customization implements AutoConfigurationCustomizerProvider {
    @Override
    public void customize(AutoConfigurationCustomizer agent) {
        DroppedSpans dropped = DroppedSpans.published();
        QueueRoom room = new QueueRoom(dropped);
        agent.addSamplerCustomizer((sampler, config) -> new HousekeepingSampler(sampler));
        agent.addPropertiesCustomizer(
                config -> Map.of("otel.bsp.max.queue.size", Integer.toString(QueueRoom.CAPACITY)));
        agent.addSpanProcessorCustomizer((processor, config) -> new LingeringSpanProcessor(processor, room));
        agent.addSpanExporterCustomizer((exporter, config) -> new HoldingSpanExporter(exporter, room, dropped));
        agent.addPropertiesCustomizer(config -> config.getString("otel.exporter.otlp.endpoint") == null
                ? Map.of("otel.traces.exporter", "none") // not told where: the default may be somebody else's collector
                : Map.of());
        agent.addResourceCustomizer((resource, config) -> ProcessResource.of(resource, System.getenv()));
    }
}
