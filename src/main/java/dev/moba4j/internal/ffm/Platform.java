package dev.moba4j.internal.ffm;

import java.util.Locale;

/** Names of this machine's platform, as the native jars use them. */
final class Platform {
    static final String LIBRARY_FILE = System.mapLibraryName("moba");

    private Platform() {}

    /** Classifier of the native jar, e.g. "linux-x86_64". */
    static String classifier() {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT).replace(" ", "");
        String arch =
                switch (System.getProperty("os.arch")) {
                    case "amd64", "x86_64" -> "x86_64";
                    case "aarch64" -> "aarch_64";
                    default -> System.getProperty("os.arch");
                };
        return os + "-" + arch;
    }
}
