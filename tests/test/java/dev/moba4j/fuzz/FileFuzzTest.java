package dev.moba4j.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The readers of files under Jazzer, each in a JVM of its own: the same few thousand inputs in every build, or new ones for
 * {@code -Dmoba4j.fuzz.seconds}. What Jazzer says, and the input that a reader fails on, lie in {@code target/fuzz}.
 */
@EnabledOnOs(OS.LINUX)
class FileFuzzTest {
    private static final String SECONDS = System.getProperty("moba4j.fuzz.seconds", "");

    @ParameterizedTest
    @ValueSource(classes = {NpyFuzzer.class, SafetensorsFuzzer.class})
    void readsOrRefuses(Class<?> fuzzer) throws IOException, InterruptedException {
        Path folder = Files.createDirectories(Path.of("target", "fuzz").toAbsolutePath());
        Path log = folder.resolve(fuzzer.getSimpleName() + ".log");
        List<String> length =
                SECONDS.isEmpty() ? List.of("-runs=5000", "-seed=1") : List.of("-max_total_time=" + SECONDS);
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+EnableDynamicAgentLoading",
                "-Xmx512m",
                "-cp",
                System.getProperty("java.class.path"),
                "com.code_intelligence.jazzer.Jazzer",
                "--target_class=" + fuzzer.getName(),
                "--instrumentation_includes=dev.moba4j.npy.**:dev.moba4j.safetensors.**:com.fasterxml.jackson.core.**",
                "--reproducer_path=" + folder,
                "-artifact_prefix=" + folder + "/" + fuzzer.getSimpleName() + "-",
                "-timeout=10"));
        command.addAll(length);
        int status = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start()
                .waitFor();
        assertThat(status).as("exit status of the fuzzer; see " + log).isZero();
        assertThat(log).content().contains("Done ");
    }
}
