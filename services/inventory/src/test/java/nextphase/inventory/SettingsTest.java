package nextphase.inventory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nextphase.inventory.Settings.BadSettings;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsTest {
    private final Map<String, String> environment = new HashMap<>();

    @BeforeEach
    void right(@TempDir Path folder) throws IOException {
        Path token = Files.writeString(folder.resolve("token"), "secret\n");
        environment.put("PORT", "8320");
        environment.put("DATABASE_URL", "postgresql://inventory@127.0.0.1:5433/inventory");
        environment.put("RIO_URL", "http://127.0.0.1:8200");
        environment.put("RIO_TOKEN_FILE", token.toString());
    }

    @Test
    void speaksToTheDriverInItsOwnWords() throws BadSettings {
        Settings settings = Settings.read(environment);
        assertEquals("jdbc:postgresql://127.0.0.1:5433/inventory", settings.database().url());
        assertEquals("inventory", settings.database().user());
        assertEquals("secret", settings.rioToken());
        assertEquals("127.0.0.1", settings.host());
    }

    @ParameterizedTest
    @CsvSource({
        "PORT,0",
        "PORT,x",
        "PORT,''",
        "DATABASE_URL,mysql://a@b/c",
        "DATABASE_URL,postgresql://127.0.0.1/inventory",
        "DATABASE_URL,postgresql://inventory:password@127.0.0.1/inventory",
        "RIO_URL,127.0.0.1:8200",
        "RIO_TOKEN_FILE,/nowhere",
    })
    void namesTheVariableAtFault(String name, String value) {
        environment.put(name, value);
        BadSettings error = assertThrows(BadSettings.class, () -> Settings.read(environment));
        assertTrue(error.getMessage().startsWith(name + ": "), error.getMessage());
    }

    @Test
    void namesAllOfThemAtOnce() {
        BadSettings error = assertThrows(BadSettings.class, () -> Settings.read(Map.of()));
        for (String name : List.of("PORT", "DATABASE_URL", "RIO_URL", "RIO_TOKEN_FILE")) {
            assertTrue(error.getMessage().contains(name + ": is not set"), error.getMessage());
        }
    }
}
