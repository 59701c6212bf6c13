package nextphase.inventory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nextphase.inventory.Settings.BadSettings;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsTest {
    private final Map<String, String> environment = new HashMap<>();

    @BeforeEach
    void right() {
        environment.put("PORT", "8320");
        environment.put("DATABASE_URL", "postgresql://inventory@127.0.0.1:5433/inventory");
    }

    @Test
    void speaksToTheDriverInItsOwnWords() throws BadSettings {
        Settings settings = Settings.read(environment);
        assertEquals("jdbc:postgresql://127.0.0.1:5433/inventory", settings.database().url());
        assertEquals("inventory", settings.database().user());
        assertEquals("127.0.0.1", settings.host());
        assertEquals(1_529_173, settings.maxBodyBytes());
    }

    @ParameterizedTest
    @CsvSource({
        "PORT,0",
        "PORT,x",
        "PORT,''",
        "MAX_BODY_BYTES,0",
        "MAX_BODY_BYTES,1 MiB",
        "DATABASE_URL,mysql://a@b/c",
        "DATABASE_URL,postgresql://127.0.0.1/inventory",
        "DATABASE_URL,postgresql://inventory:password@127.0.0.1/inventory",
        "COLLECTOR_HEALTH_URL,127.0.0.1:13133",
    })
    void namesTheVariableAtFault(String name, String value) {
        environment.put(name, value);
        BadSettings error = assertThrows(BadSettings.class, () -> Settings.read(environment));
        assertTrue(error.getMessage().startsWith(name + ": "), error.getMessage());
    }

    @Test
    void namesAllOfThemAtOnce() {
        BadSettings error = assertThrows(BadSettings.class, () -> Settings.read(Map.of()));
        for (String name : List.of("PORT", "DATABASE_URL")) {
            assertTrue(error.getMessage().contains(name + ": is not set"), error.getMessage());
        }
    }
}
