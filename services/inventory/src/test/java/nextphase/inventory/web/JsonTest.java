package nextphase.inventory.web;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    @Test
    void readsAnObject() {
        assertEquals(1, Json.object("{\"a\": 1}".getBytes(StandardCharsets.UTF_8)).get("a").intValue());
    }

    @ParameterizedTest
    @ValueSource(strings = {"12345678901234567.89", "1E-400", "1E+400", "0.10", "7"})
    void keepsTheDigitsOfNumbers(String number) {
        assertEquals("{\"a\":" + number + "}", Json.object(("{\"a\":" + number + "}").getBytes(StandardCharsets.UTF_8)).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "null", "1", "{", "{} {}", "{\"a\":1,\"a\":2}", "{\"a\":NaN}", "{'a':1}", "{\"a\":01}"})
    void refusesWhatIsNoObject(String body) {
        assertRefused(body.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void refusesDeepNesting() {
        assertRefused(("{\"a\":" + "[".repeat(100_000)).getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\u00ff", "\u00c0\u0080", "\u00ed\u00a0\u0080"})
    void refusesWhatIsNoUtf8(String bytes) {
        assertRefused(("{\"a\":\"" + bytes + "\"}").getBytes(StandardCharsets.ISO_8859_1));
    }

    private static void assertRefused(byte[] body) {
        Problem problem = assertThrows(Problem.class, () -> Json.object(body));
        assertEquals(400, problem.status().value());
    }
}
