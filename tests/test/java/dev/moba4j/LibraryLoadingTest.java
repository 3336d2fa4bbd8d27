package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** How the native library is found, in a JVM of its own per case, and what is said when it is not. */
@EnabledIf("dev.moba4j.Backend#nativeExpected")
class LibraryLoadingTest {
    @TempDir
    Path directory;

    /** Prints which backend auto takes and, if native is missing, the message. */
    public static final class Probe {
        private Probe() {}

        /** Entry of the forked JVM. */
        public static void main(String[] arguments) {
            try (Engine engine = Engine.open()) {
                System.out.println("auto: " + engine.info().backend());
                System.out.println("reason: " + engine.info().reason());
            }
            try (Engine engine = Engine.open(EngineOptions.defaults().withBackend("native"))) {
                System.out.println("native: " + engine.info().target());
            } catch (BackendUnavailableException e) {
                System.out.println("unavailable: " + e.getMessage());
            }
            Engine.backends().stream()
                    .filter(backend -> backend.name().equals("cuda"))
                    .forEach(cuda -> System.out.println("cuda: " + cuda.available() + ", " + cuda.detail()));
        }
    }

    @Test
    void packagedLibraryIsExtractedOnceIntoTheCache() throws Exception {
        String first = probe(List.of());
        assertThat(first).contains("auto: native", "native: cpu/");
        List<Path> extracted = libraries();
        assertThat(extracted).as("libraries in the cache").hasSize(1);
        Object key = Files.readAttributes(extracted.getFirst(), "unix:ino,lastModifiedTime")
                .toString();
        assertThat(probe(List.of())).isEqualTo(first);
        assertThat(libraries()).isEqualTo(extracted);
        assertThat(Files.readAttributes(extracted.getFirst(), "unix:ino,lastModifiedTime")
                        .toString())
                .isEqualTo(key);
    }

    @Test
    void damagedCacheIsNotLoaded() throws Exception {
        probe(List.of());
        Path library = libraries().getFirst();
        Files.write(library, new byte[] {1, 2, 3});
        assertThat(probe(List.of())).contains("native: cpu/");
    }

    @Test
    void systemPropertyNamesAFileOrItsFolder() throws Exception {
        probe(List.of());
        Path folder = Files.createDirectory(directory.resolve("own"));
        Path library = Files.copy(libraries().getFirst(), folder.resolve("libmoba.so"));
        for (Path path : List.of(library, folder)) {
            assertThat(probe(List.of("-Dmoba4j.library.path=" + path))).contains("auto: native", "native: cpu/");
        }
    }

    @Test
    void cudaLibraryOfItsJarComesToLieBesideTheOther() throws Exception {
        String without = probe(List.of());
        assertThat(without)
                .contains("cuda: false")
                .containsPattern(
                        "cuda: .*the dependency dev.moba4j:moba4j-native:[^:]+:linux-x86_64-cuda13 is missing");
        Path jar = Files.createDirectories(directory.resolve("jar/dev/moba4j/native/linux-x86_64-cuda13"));
        Files.copy(libraries().getFirst(), jar.resolve("libmoba.so"));
        Path emulation = Path.of(System.getProperty("moba4j.emulation"));
        Files.copy(emulation, jar.resolve("libmoba_cuda.so"));
        String classPath = System.getProperty("java.class.path") + ":" + directory.resolve("jar");
        for (int start = 0; start < 2; start++) {
            assertThat(fork(classPath, List.of())).contains("auto: native", "cuda: true, emulation");
        }
        List<Path> extracted = libraries().stream()
                .filter(file -> file.endsWith("libmoba_cuda.so"))
                .toList();
        assertThat(extracted).hasSize(1);
        Path cuda = extracted.getFirst();
        assertThat(cuda).hasSameBinaryContentAs(emulation);
        assertThat(cuda.resolveSibling("libmoba.so")).exists();
        Files.write(cuda, new byte[] {1, 2, 3});
        assertThat(fork(classPath, List.of())).as("damaged").contains("cuda: true, emulation");
    }

    @Test
    void failureListsEveryPlaceAndAutoFallsBack() throws Exception {
        Path missing = directory.resolve("missing");
        Path broken = Files.write(directory.resolve("libmoba.so"), new byte[] {1, 2, 3});
        String output =
                probeWithoutNatives(List.of("-Dmoba4j.library.path=" + missing, "-Djava.library.path=" + directory));
        assertThat(output)
                .contains("auto: scalar")
                .containsPattern("reason: .*native")
                .containsPattern("reason: .*--add-modules jdk.incubator.vector");
        assertThat(output)
                .containsPattern("unavailable: .*" + missing)
                .containsPattern("unavailable: .*dev/moba4j/native/linux-x86_64/libmoba.so")
                .containsPattern("unavailable: .*" + broken);
        assertThat(output.lines().filter(line -> line.startsWith("unavailable")))
                .hasSize(1);
    }

    @Test
    void autoTakesTheVectorApiWhereThereIsNoLibrary() throws Exception {
        String output = probeWithoutNatives(List.of("--add-modules", "jdk.incubator.vector"));
        assertThat(output).contains("auto: vector").containsPattern("reason: .*libmoba");
    }

    private List<Path> libraries() throws IOException {
        try (Stream<Path> files = Files.walk(directory.resolve("cache"))) {
            return files.filter(Files::isRegularFile).sorted().toList();
        }
    }

    private String probe(List<String> flags) throws Exception {
        return fork(System.getProperty("java.class.path"), flags);
    }

    private String probeWithoutNatives(List<String> flags) throws Exception {
        List<String> path = Arrays.stream(System.getProperty("java.class.path").split(":"))
                .filter(entry -> !entry.contains("moba4j-native"))
                .toList();
        return fork(String.join(":", path), flags);
    }

    private String fork(String classPath, List<String> flags) throws Exception {
        List<String> command = new ArrayList<>(
                List.of(ChildProcess.jdk("java"), "--enable-native-access=ALL-UNNAMED", "-cp", classPath));
        command.addAll(flags);
        command.add(Probe.class.getName());
        return ChildProcess.output(
                command, Map.of("XDG_CACHE_HOME", directory.resolve("cache").toString()));
    }
}
