package nextphase.inventory.telemetry;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.encoder.EncoderBase;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;

/** Writes log records as JSON, one a line. */
public final class JsonLines extends EncoderBase<ILoggingEvent> {
    private static final byte[] NOTHING = {};
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private String service;
    private String instance;

    public void setService(String service) {
        this.service = service;
    }

    public void setInstance(String instance) {
        this.instance = instance;
    }

    @Override
    public byte[] encode(ILoggingEvent event) {
        try {
            String line = MAPPER.writeValueAsString(LogRecord.of(event, service, instance));
            return (line + "\n").getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException error) {
            addError("a log record cannot be written as JSON", error);
            return NOTHING;
        }
    }

    @Override
    public byte[] headerBytes() {
        return NOTHING;
    }

    @Override
    public byte[] footerBytes() {
        return NOTHING;
    }
}
