package nextphase.inventory.web;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import nextphase.inventory.web.Problem.Fault;
import org.springframework.http.HttpStatus;
import org.springframework.web.util.UriUtils;

/**
 * Reads the fields of a JSON object and collects everything wrong with them, so that the sender learns of all
 * at once. A field that is wrong reads as null; {@link #check} then refuses the document.
 */
public final class Fields {
    /** A UUID written out; {@link UUID#fromString} alone takes "1-1-1-1-1", too. */
    public static final Pattern UUID_FORM = Pattern.compile("\\p{XDigit}{8}(-\\p{XDigit}{4}){3}-\\p{XDigit}{12}");

    /** A hostile document may have as many faults as it has bytes. */
    private static final int MOST_FAULTS = 20;

    private final ObjectNode object;
    private final String path;
    private final List<Fault> faults;

    /** Reads a body. */
    public Fields(ObjectNode object) {
        this(object, "#");
    }

    /** Reads an object within a body; {@code path} points to it. */
    public Fields(ObjectNode object, String path) {
        this(object, path, new ArrayList<>());
    }

    private Fields(ObjectNode object, String path, List<Fault> faults) {
        this.object = object;
        this.path = path;
        this.faults = faults;
    }

    /** An integer written as one: neither 1.0 nor "1" nor true. */
    public Integer integer(String name, int least, int most) {
        JsonNode node = object.get(name);
        if (node != null
                && node.isIntegralNumber()
                && node.canConvertToInt()
                && node.intValue() >= least
                && node.intValue() <= most) {
            return node.intValue();
        }
        return fault(name, "must be an integer from %d to %d".formatted(least, most));
    }

    /** A string of the given form; {@code form} is how the message calls it. */
    public String text(String name, Pattern pattern, String form) {
        JsonNode node = object.get(name);
        if (node != null && node.isTextual() && pattern.matcher(node.textValue()).matches()) {
            return node.textValue();
        }
        return fault(name, "must be " + form);
    }

    public UUID uuid(String name) {
        String text = text(name, UUID_FORM, "a UUID");
        return text == null ? null : UUID.fromString(text);
    }

    /** The objects of an array, of which there have to be {@code least} to {@code most}. */
    public List<Fields> objects(String name, int least, int most) {
        JsonNode array = object.get(name);
        if (array == null || !array.isArray() || array.size() < least || array.size() > most) {
            fault(name, "must be an array of %d to %d objects".formatted(least, most));
            return List.of();
        }
        List<Fields> items = new ArrayList<>();
        for (int index = 0; index < array.size(); index++) {
            String place = name + "/" + index;
            if (array.get(index) instanceof ObjectNode item) {
                items.add(new Fields(item, path + "/" + place, faults));
            } else {
                fault(place, "must be an object");
            }
        }
        return items;
    }

    /** Refuses every field not named here. */
    public void only(Set<String> names) {
        object.fieldNames().forEachRemaining(name -> {
            if (!names.contains(name)) {
                String step = name.replace("~", "~0").replace("/", "~1");
                fault(UriUtils.encode(step, StandardCharsets.UTF_8), "is not known");
            }
        });
    }

    /** Records a fault of a field; returns null to stand for its value. */
    public <T> T fault(String name, String detail) {
        if (faults.size() < MOST_FAULTS) {
            faults.add(new Fault(path + "/" + name, detail));
        }
        return null;
    }

    /** Ends the reading: throws a 422 if anything was wrong. */
    public void check() {
        if (!faults.isEmpty()) {
            throw new Problem(HttpStatus.UNPROCESSABLE_ENTITY, "the document breaks its rules", faults);
        }
    }
}
