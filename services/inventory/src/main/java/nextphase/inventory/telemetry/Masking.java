package nextphase.inventory.telemetry;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Masks credentials and personal data in log records; masking.json, a copy of observability's, says how. */
final class Masking {
    private record Document(
            String mask, List<String> signs, @JsonProperty("secret_name") String secretName, List<Rule> patterns) {}

    /** Words are those of which one is in every text that the expression matches, in lower case. */
    private record Rule(List<String> words, String expression, String tail) {}

    private record Compiled(List<String> words, Pattern pattern, String masked) {}

    private static final Document DOCUMENT = read();
    private static final Pattern SECRET_NAME = Pattern.compile(DOCUMENT.secretName);
    private static final Pattern DIGITS = Pattern.compile("(?:\\d\\D{0,3}){13}");
    private static final List<Compiled> PATTERNS =
            DOCUMENT.patterns.stream().map(Masking::compiled).toList();

    static final String MASK = DOCUMENT.mask;

    private Masking() {}

    /** The text with {@code ***} in place of what is masked. */
    static String mask(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (DOCUMENT.signs.stream().noneMatch(lower::contains) && !DIGITS.matcher(text).find()) {
            return text;
        }
        String masked = text;
        try {
            for (Compiled rule : PATTERNS) {
                if (rule.words.isEmpty() || rule.words.stream().anyMatch(lower::contains)) {
                    masked = rule.pattern.matcher(masked).replaceAll(found -> replacement(rule, found));
                }
            }
        } catch (StackOverflowError error) { // java.util.regex calls itself for every repetition of a group
            return MASK;
        }
        return masked;
    }

    /** Whether the name of a field says that its value is secret. */
    static boolean isSecret(String name) {
        return SECRET_NAME.matcher(name).find();
    }

    /** The first group is kept; the second, where there is one, is a card's number. */
    private static String replacement(Compiled rule, MatchResult found) {
        boolean isMasked = found.groupCount() == 1 || passesLuhn(found.group(2));
        return Matcher.quoteReplacement(isMasked ? found.group(1) + rule.masked : found.group());
    }

    /** The check digit of ISO/IEC 7812-1. */
    private static boolean passesLuhn(String number) {
        int[] digits = number.replace("%20", "").chars().filter(Character::isDigit).map(digit -> digit - '0').toArray();
        int sum = 0;
        for (int at = 0; at < digits.length; at++) {
            int digit = digits[digits.length - 1 - at] * (1 + at % 2);
            sum += digit / 10 + digit % 10;
        }
        return sum % 10 == 0;
    }

    private static Compiled compiled(Rule rule) {
        String tail = rule.tail == null ? "" : rule.tail;
        return new Compiled(rule.words, Pattern.compile(rule.expression), DOCUMENT.mask + tail);
    }

    private static Document read() {
        try (InputStream file = Masking.class.getResourceAsStream("/masking.json")) {
            return new ObjectMapper()
                    .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
                    .readValue(file, Document.class);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
