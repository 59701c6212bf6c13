package nextphase.inventory.stock;

import java.util.regex.Pattern;

/** How a stock keeping unit is written. */
public final class Sku {
    public static final Pattern PATTERN = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    /** The pattern in words, for messages. */
    public static final String FORM = "a sku: 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit";

    private Sku() {}

    public static boolean matches(String text) {
        return PATTERN.matcher(text).matches();
    }
}
