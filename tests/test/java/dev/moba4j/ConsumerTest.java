package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The view of a project that depends on what is installed: tests/consumer is resolved and compiled by Maven, then run on the
 * class path, on the module path and as an image of its own.
 */
@EnabledIf("dev.moba4j.Backend#nativeExpected")
class ConsumerTest {
    private static final Path PROJECT = InstalledArtifacts.ROOT.resolve("tests/consumer");
    private static final Path CLASSES = PROJECT.resolve("target/classes");
    private static final Path DEPENDENCIES = PROJECT.resolve("target/dependency");
    private static final String NATIVE_JAR = InstalledArtifacts.nativeJar("linux-x86_64");
    private static final String NATIVE_DEPENDENCY =
            "dev.moba4j:moba4j-native:" + InstalledArtifacts.VERSION + ":linux-x86_64";
    private static final Pattern DEPENDENCY = Pattern.compile("<dependency>.*?</dependency>", Pattern.DOTALL);

    @TempDir
    Path directory;

    /** Where the jars lie. */
    enum On {
        CLASS_PATH("--enable-native-access=ALL-UNNAMED", "-cp", List.of("consumer.Consumer")),
        MODULE_PATH("--enable-native-access=dev.moba4j", "-p", List.of("-m", "consumer/consumer.Consumer"));

        private final String nativeAccess;
        private final String path;
        private final List<String> program;

        On(String nativeAccess, String path, List<String> program) {
            this.nativeAccess = nativeAccess;
            this.path = path;
            this.program = program;
        }

        List<String> java(List<Path> jars, String... flags) {
            List<String> command = new ArrayList<>(List.of(ChildProcess.jdk("java"), nativeAccess, path));
            command.add(Stream.concat(Stream.of(CLASSES), jars.stream())
                    .map(Path::toString)
                    .collect(Collectors.joining(":")));
            command.addAll(List.of(flags));
            command.addAll(program);
            return command;
        }
    }

    @BeforeAll
    static void build() throws Exception {
        InstalledArtifacts.install();
        if (Files.isDirectory(DEPENDENCIES)) {
            for (Path old : InstalledArtifacts.entries(DEPENDENCIES)) {
                Files.delete(old);
            }
        }
        ChildProcess.output(
                List.of(
                        System.getProperty("moba4j.maven"),
                        "--batch-mode",
                        "--offline",
                        "-Daether.offline.protocols=file",
                        "-Dmaven.repo.local=" + InstalledArtifacts.REPOSITORY,
                        "-Dmoba4j.plugins=" + System.getProperty("moba4j.plugins"),
                        "--settings=" + PROJECT.resolve("settings.xml"),
                        "--file=" + PROJECT,
                        "process-classes"),
                Map.of("JAVA_HOME", System.getProperty("java.home")));
    }

    @Test
    void twoDependenciesAreAll() throws IOException {
        assertThat(InstalledArtifacts.entries(DEPENDENCIES))
                .extracting(jar -> jar.getFileName().toString())
                .containsExactly("moba4j-" + InstalledArtifacts.VERSION + ".jar", NATIVE_JAR);
    }

    @Test
    void readmeShowsTheTwoDependencies() throws IOException {
        assertThat(dependencies(InstalledArtifacts.ROOT.resolve("README.md")))
                .hasSize(2)
                .isEqualTo(dependencies(PROJECT.resolve("pom.xml")));
    }

    @ParameterizedTest
    @EnumSource
    void nativeLibraryIsFound(On place) throws Exception {
        assertThat(consumer(place.java(jars(any -> true)), "native")).contains("native: 3.0");
    }

    @ParameterizedTest
    @EnumSource
    void nativeJarsGoTogether(On place) throws Exception {
        List<Path> natives = InstalledArtifacts.nativeJars();
        assumeThat(natives)
                .as("native jars of other platforms, or with CUDA, are built")
                .hasSizeGreaterThan(1);
        List<Path> jars = jars(jar -> !jar.endsWith(NATIVE_JAR));
        jars.addAll(natives);
        assertThat(consumer(place.java(jars), "native")).contains("native: 3.0");
    }

    @Test
    void nativeLibraryIsFoundInARunTimeImage() throws Exception {
        Path image = directory.resolve("image");
        ChildProcess.output(
                List.of(
                        ChildProcess.jdk("jlink"),
                        "--module-path=" + CLASSES + ":" + DEPENDENCIES,
                        "--add-modules=consumer,dev.moba4j.natives.linux_x86_64",
                        "--output=" + image),
                Map.of());
        List<String> command = List.of(
                image.resolve("bin/java").toString(),
                "--enable-native-access=dev.moba4j",
                "-m",
                "consumer/consumer.Consumer");
        assertThat(consumer(command, "native")).contains("native: 3.0");
    }

    @ParameterizedTest
    @EnumSource
    void missingNativeJarIsNamed(On place) throws Exception {
        List<String> java = place.java(jars(jar -> !jar.endsWith(NATIVE_JAR)));
        String missing = "the dependency " + NATIVE_DEPENDENCY + " is missing; ";
        assertThat(consumer(java, "native"))
                .containsPattern("(?m)^native is unavailable: .*" + Pattern.quote(missing) + ".*java.library.path");
        assertThat(consumer(java, "auto"))
                .contains("scalar: 3.0")
                .containsPattern("(?m)^WARNING: .*" + Pattern.quote(missing) + ".*java.library.path");
    }

    @ParameterizedTest
    @EnumSource
    void platformWithoutANativeJarIsSaidToBeOne(On place) throws Exception {
        List<Path> jars = jars(any -> true);
        assertThat(consumer(place.java(jars, "-Dos.arch=riscv64"), "native"))
                .contains("there is no native jar for linux-riscv64; ");
        assertThat(consumer(place.java(jars, "-Dos.name=Windows 11"), "native"))
                .contains("there is no native jar for windows11-x86_64; ");
    }

    @ParameterizedTest
    @EnumSource
    void missingJacksonIsNamed(On place) throws Exception {
        assertThat(consumer(place.java(jars(any -> true)), "scalar"))
                .contains("scalar: 3.0")
                .contains("jackson-core is absent, expected com.fasterxml.jackson.core:jackson-core")
                .contains("--add-modules com.fasterxml.jackson.core");
    }

    @ParameterizedTest
    @EnumSource
    void jacksonIsEnoughForSafetensors(On place) throws Exception {
        List<Path> jars = jars(any -> true);
        Stream.of(System.getProperty("java.class.path").split(":"))
                .filter(entry -> entry.contains("jackson-core"))
                .map(Path::of)
                .forEach(jars::add);
        assertThat(jars).hasSize(3);
        List<String> java =
                switch (place) {
                    case CLASS_PATH -> place.java(jars);
                    case MODULE_PATH -> place.java(jars, "--add-modules=com.fasterxml.jackson.core");
                };
        assertThat(consumer(java, "scalar")).contains("tensors: []");
    }

    private static List<String> dependencies(Path file) throws IOException {
        return DEPENDENCY
                .matcher(Files.readString(file))
                .results()
                .map(MatchResult::group)
                .map(text -> text.replaceAll("\\s+", ""))
                .toList();
    }

    private static List<Path> jars(Predicate<Path> wanted) throws IOException {
        return new ArrayList<>(
                InstalledArtifacts.entries(DEPENDENCIES).stream().filter(wanted).toList());
    }

    /** What the program prints on {@code backend}, with an empty safetensors file. */
    private String consumer(List<String> java, String backend) throws Exception {
        Path file = Files.write(directory.resolve("empty.safetensors"), new byte[] {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'});
        List<String> command = new ArrayList<>(java);
        command.addAll(List.of(backend, file.toString()));
        return ChildProcess.output(
                command, Map.of("XDG_CACHE_HOME", directory.resolve("cache").toString()));
    }
}
