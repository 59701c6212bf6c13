package nextphase.inventory.telemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.springframework.boot.logging.LoggingSystem;

class LogLevelsTest {
    private static final String NAME = "nextphase.levels";

    @TempDir
    Path folder;

    @Test
    void changesALevelAndGoesBackAfterItsTime() throws IOException {
        Path file = folder.resolve("levels.json");
        LogLevels levels = new LogLevels(LoggingSystem.get(getClass().getClassLoader()), file.toString());
        Logger logger = (Logger) LoggerFactory.getLogger(NAME);
        levels.look(0); // there is no file yet
        Files.writeString(file, """
                {"inventory": {"nextphase.levels": {"level": "debug", "until": 100.5}},
                 "orders": {"nextphase.levels": {"level": "error", "until": 1000}}}""");
        levels.look(100);
        assertEquals(Level.DEBUG, logger.getLevel());
        levels.look(101);
        assertNull(logger.getLevel());
    }

    @Test
    void changesTheRootLogger() throws IOException {
        Path file = folder.resolve("levels.json");
        LogLevels levels = new LogLevels(LoggingSystem.get(getClass().getClassLoader()), file.toString());
        Logger root = (Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
        Level before = root.getLevel();
        Files.writeString(file, """
                {"inventory": {"": {"level": "warning", "until": 100}}}""");
        levels.look(1);
        assertEquals(Level.WARN, root.getLevel());
        Files.delete(file);
        levels.look(2);
        assertEquals(before, root.getLevel());
    }
}
