package dev.moba4j;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;

/** What this build makes for others, and a local Maven repository where it lies as {@code mvn install} would put it. */
final class InstalledArtifacts {
    static final Path ROOT =
            Path.of(System.getProperty("moba4j.root")).toAbsolutePath().normalize();
    static final String VERSION = System.getProperty("moba4j.version");
    static final Path REPOSITORY = ROOT.resolve("tests/target/consumer-repository");

    private InstalledArtifacts() {}

    /** The native jars that have been built, one per platform, and one with the CUDA library. */
    static List<Path> nativeJars() throws IOException {
        try (Stream<Path> files = Files.list(ROOT.resolve("native/target"))) {
            return files.filter(file -> file.getFileName().toString().matches(nativeJar("\\w+-\\w+(-\\w+)?")))
                    .toList();
        }
    }

    /** File name of a native jar. */
    static String nativeJar(String classifier) {
        return "moba4j-native-" + VERSION + "-" + classifier + ".jar";
    }

    /** Puts the poms and jars that consumers need into {@link #REPOSITORY}, in place of what was there of them. */
    static void install() throws IOException {
        install("moba4j-parent", ROOT.resolve("pom.xml"), List.of());
        install("moba4j", ROOT.resolve("src/pom.xml"), List.of(ROOT.resolve("src/target/moba4j-" + VERSION + ".jar")));
        install("moba4j-native", ROOT.resolve("native/pom.xml"), nativeJars());
    }

    private static void install(String artifact, Path pom, List<Path> jars) throws IOException {
        Path folder = Files.createDirectories(
                REPOSITORY.resolve("dev/moba4j").resolve(artifact).resolve(VERSION));
        for (Path old : entries(folder)) {
            Files.delete(old);
        }
        Files.copy(pom, folder.resolve(artifact + "-" + VERSION + ".pom"));
        for (Path jar : jars) {
            Files.copy(jar, folder.resolve(jar.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
        }
    }

    /** What is in a folder, sorted. */
    static List<Path> entries(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.sorted().toList();
        }
    }
}
