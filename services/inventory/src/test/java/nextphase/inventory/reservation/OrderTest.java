package nextphase.inventory.reservation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import nextphase.inventory.stock.StockItem;
import nextphase.inventory.web.Json;
import nextphase.inventory.web.Problem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OrderTest {
    private static final String ID = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

    @Test
    void readsWhatItNeedsAndLeavesTheRest() {
        Order order = Order.read(data("\"%s\"".formatted(ID), "{\"sku\":\"a\",\"quantity\":2,\"price\":1.5}"));
        assertEquals(new Order(UUID.fromString(ID), List.of(new Line("a", 2))), order);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "\"1-1-1-1-1\" | {\"sku\":\"a\",\"quantity\":1} | #/data/order_id",
        "7 | {\"sku\":\"a\",\"quantity\":1} | #/data/order_id",
        "\"ID\" | `` | #/data/lines",
        "\"ID\" | 5 | #/data/lines/0",
        "\"ID\" | {\"sku\":\"a\"} | #/data/lines/0/quantity",
        "\"ID\" | {\"sku\":\"a\",\"quantity\":1.0} | #/data/lines/0/quantity",
        "\"ID\" | {\"sku\":\"a\",\"quantity\":\"1\"} | #/data/lines/0/quantity",
        "\"ID\" | {\"sku\":\"a\",\"quantity\":true} | #/data/lines/0/quantity",
        "\"ID\" | {\"sku\":\"a\",\"quantity\":0} | #/data/lines/0/quantity",
        "\"ID\" | {\"sku\":\"a\",\"quantity\":10001} | #/data/lines/0/quantity",
        "\"ID\" | {\"sku\":\"a\",\"quantity\":4294967297} | #/data/lines/0/quantity",
        "\"ID\" | {\"sku\":\"-a\",\"quantity\":1} | #/data/lines/0/sku",
        "\"ID\" | {\"sku\":\"a\\u0000\",\"quantity\":1} | #/data/lines/0/sku",
        "\"ID\" | {\"sku\":1,\"quantity\":1} | #/data/lines/0/sku",
        "\"ID\" | {\"sku\":\"a\",\"quantity\":1},{\"sku\":\"a\",\"quantity\":1} | #/data/lines/1/sku",
    })
    void pointsAtWhatIsWrong(String id, String lines, String pointer) {
        Problem problem = assertThrows(Problem.class, () -> Order.read(data(id.replace("ID", ID), lines)));
        assertEquals(422, problem.status().value());
        List<?> errors = (List<?>) problem.document().get("errors");
        assertEquals(pointer, ((Problem.Fault) errors.get(0)).pointer());
    }

    @Test
    void namesABoundedNumberOfFaults() {
        String lines = IntStream.range(0, 100).mapToObj(index -> "1").collect(Collectors.joining(","));
        Problem problem = assertThrows(Problem.class, () -> Order.read(data("\"%s\"".formatted(ID), lines)));
        assertEquals(20, ((List<?>) problem.document().get("errors")).size());
    }

    @Test
    void anUnknownSkuIsAShortageOfAll() {
        List<Line> lines = List.of(new Line("a", 3), new Line("b", 3), new Line("c", 1));
        Map<String, StockItem> stock =
                Map.of("a", new StockItem("a", 5, 2), "b", new StockItem("b", 5, 3));
        assertEquals(List.of(new Shortage("b", 3, 2), new Shortage("c", 1, 0)), Shortage.of(lines, stock));
    }

    private static ObjectNode data(String id, String lines) {
        String text = "{\"order_id\":%s,\"lines\":[%s],\"note\":null}".formatted(id, lines);
        return Json.object(text.getBytes(StandardCharsets.UTF_8));
    }
}
