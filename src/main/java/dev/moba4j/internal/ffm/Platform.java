package dev.moba4j.internal.ffm;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;

/** Names of this machine's platform, as the native jars use them. */
final class Platform {
    static final String LIBRARY_FILE = System.mapLibraryName("moba");

    /** The library that libmoba looks for beside itself. */
    static final String CUDA_LIBRARY_FILE = System.mapLibraryName("moba_cuda");

    /** What the classifier of a native jar with both libraries ends in. */
    private static final String CUDA = "-cuda13";

    /** The platforms that there are native jars for. */
    private static final Set<String> PACKAGED = Set.of("linux-aarch_64", "linux-x86_64");

    private static final Set<String> PACKAGED_CUDA = Set.of("linux-x86_64" + CUDA);

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

    /** Classifier of the native jar that holds {@link #CUDA_LIBRARY_FILE} as well. */
    static String cudaClassifier() {
        return classifier() + CUDA;
    }

    /** Says which dependency is missing, or that this platform has none. */
    static String nativeJarAbsent() {
        return jarAbsent(PACKAGED, classifier());
    }

    /** Like {@link #nativeJarAbsent}, of the jar with the CUDA library. */
    static String cudaJarAbsent() {
        return jarAbsent(PACKAGED_CUDA, cudaClassifier());
    }

    private static String jarAbsent(Set<String> packaged, String classifier) {
        if (!packaged.contains(classifier)) {
            return "there is no native jar for " + classifier;
        }
        return "the dependency " + coordinates() + ":" + classifier + " is missing";
    }

    /** Group, artifact and version of the native jars that go with this library. */
    private static String coordinates() {
        try (InputStream stream = Platform.class.getResourceAsStream("native-jar.coordinates")) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
