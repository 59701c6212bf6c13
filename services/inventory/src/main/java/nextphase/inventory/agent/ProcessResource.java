package nextphase.inventory.agent;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.sdk.resources.Resource;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.Map;

/**
 * Which process this is, on which machine, in the words that all hops have for it (observability/resource.py). A
 * command's words are left out: they may hold secrets.
 */
final class ProcessResource {
    private ProcessResource() {}

    /**
     * The resource of this process.
     *
     * @param resource what OpenTelemetry's variables say; what the platform says comes before it
     * @param environment variables of the process
     */
    static Resource of(Resource resource, Map<String, String> environment) {
        AttributesBuilder own = Attributes.builder();
        put(own, resource, "service.instance.id", environment.get("SERVICE_INSTANCE_ID"), "inventory-1");
        put(own, resource, "deployment.environment.name", environment.get("NEXTPHASE_INSTANCE"), "default");
        put(own, resource, "service.version", environment.get("SERVICE_VERSION"), null);
        put(own, resource, "host.name", hostName(), null);
        own.put("process.pid", ProcessHandle.current().pid());
        put(own, resource, "process.executable.name", executable(), null);
        own.put("process.runtime.name", System.getProperty("java.runtime.name"));
        own.put("process.runtime.version", System.getProperty("java.runtime.version"));
        return resource.merge(Resource.create(own.build()));
    }

    /** Sets an attribute to a value; where there is none and the resource has no other, to the usual one. */
    private static void put(AttributesBuilder own, Resource resource, String key, String value, String usual) {
        AttributeKey<String> attribute = AttributeKey.stringKey(key);
        if (value != null && !value.isEmpty()) {
            own.put(attribute, value);
        } else if (usual != null && resource.getAttribute(attribute) == null) {
            own.put(attribute, usual);
        }
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException error) { // it has a name that no address belongs to
            return error.getMessage().split(":")[0];
        }
    }

    private static String executable() {
        return ProcessHandle.current()
                .info()
                .command()
                .map(command -> Path.of(command).getFileName().toString())
                .orElse(null);
    }
}
