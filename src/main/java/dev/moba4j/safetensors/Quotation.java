package dev.moba4j.safetensors;

import java.util.Collection;
import java.util.stream.Collectors;

/** Names out of files, made fit for one line of a message whatever they hold. */
final class Quotation {
    private static final int MOST_CHARACTERS = 80;
    private static final int MOST_NAMES = 20;

    private Quotation() {}

    /** The name in quotation marks, without control characters and not too long. */
    static String of(String name) {
        String shown = name.length() <= MOST_CHARACTERS ? name : name.substring(0, MOST_CHARACTERS) + "...";
        return '"' + shown.replaceAll("[\\p{C}\\u2028\\u2029]", "?") + '"';
    }

    /** The first names, in quotation marks. */
    static String of(Collection<String> names) {
        String shown = names.stream().limit(MOST_NAMES).map(Quotation::of).collect(Collectors.joining(", "));
        return names.size() <= MOST_NAMES ? shown : shown + ", ...";
    }
}
