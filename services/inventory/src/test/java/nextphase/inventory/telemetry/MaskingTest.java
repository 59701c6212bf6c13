package nextphase.inventory.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MaskingTest {
    /** Those that the tests of the other languages have, too. */
    private record Examples(
            Map<String, String> masked,
            List<String> kept,
            @JsonProperty("secret_names") List<String> secretNames,
            @JsonProperty("other_names") List<String> otherNames) {}

    private final Examples examples = read();

    @Test
    void masksSecrets() {
        examples.masked.forEach((text, masked) -> assertEquals(masked, Masking.mask(text)));
    }

    @Test
    void keepsWhatIsNoSecret() {
        examples.kept.forEach(text -> assertEquals(text, Masking.mask(text)));
    }

    @Test
    void masksATextThatIsTooDeepForItsExpressions() {
        for (String text : List.of("token=\"" + "\\x".repeat(8000), "ada@" + "aa.".repeat(5000) + "aa")) {
            assertTrue(Masking.mask(text).length() < 100);
        }
    }

    @Test
    void knowsTheNamesOfSecretFields() {
        assertTrue(examples.secretNames.stream().allMatch(Masking::isSecret));
        assertTrue(examples.otherNames.stream().noneMatch(Masking::isSecret));
    }

    private static Examples read() {
        try { // the folder of the service is where Maven runs its tests
            return new ObjectMapper().readValue(new File("../../observability/tests/masking.json"), Examples.class);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }
}
