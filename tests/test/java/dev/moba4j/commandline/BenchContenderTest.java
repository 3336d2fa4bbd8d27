package dev.moba4j.commandline;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Contenders of {@code moba bench} from elsewhere: measured, left out with their reason, or caught computing something else. */
@EnabledIf("dev.moba4j.Backend#nativeExpected")
class BenchContenderTest {
    private static final Path JAR = Path.of(System.getProperty("moba4j.root"), "cli/target/moba4j-cli.jar")
            .toAbsolutePath();

    private static final String GUEST =
            """
            import dev.moba4j.cli.bench.*;
            import dev.moba4j.RunControl;
            import dev.moba4j.Tensor;

            public class Guest implements Contender {
                public String name() {
                    return "guest";
                }

                public String version() {
                    return "7.5";
                }

                public Attempt prepare(BenchCase which, Operands operands) {
                    if (%b) {
                        throw new UnsupportedOperationException("guests rest");
                    }
                    Attempt host = new LibraryContender("native").prepare(which, operands);
                    return new Attempt() {
                        public void run(RunControl control) {
                            host.run(control);
                        }

                        public Tensor result() {
                            Tensor result = host.result();
                            for (long token = 0; token < result.dim(0); token++) {
                                result.setFloat(result.getFloat(token, 0, 0) + %sf, token, 0, 0);
                            }
                            return result;
                        }

                        public void close() {
                            host.close();
                        }
                    };
                }
            }
            """;

    @TempDir
    Path directory;

    private record Ended(int status, String out, String err) {}

    @Test
    void measuresThem() throws Exception {
        Ended ended = bench(GUEST.formatted(false, "1e-6"));
        assertThat(ended.err).isEmpty();
        assertThat(ended.status).isZero();
        assertThat(ended.out).containsPattern("full_1k +│ F32 +│ +1 │ guest");
        assertThat(Files.readString(directory.resolve("F.json"))).contains("\"7.5\"");
    }

    @Test
    void saysWhyTheyAreLeftOut() throws Exception {
        Ended ended = bench(GUEST.formatted(true, "0"));
        assertThat(ended.err).hasLineCount(3).startsWith("guest is left out of full_1k F32: guests rest\n");
        assertThat(ended.status).isZero();
        assertThat(ended.out).contains("native").doesNotContain("guest");
    }

    @Test
    void timesNothingThatComputesSomethingElse() throws Exception {
        Ended ended = bench(GUEST.formatted(false, "0.01"));
        assertThat(ended.status).isEqualTo(1);
        assertThat(ended.err).hasLineCount(1).contains("guest computes something else than native in full_1k F32");
        assertThat(ended.out).contains("native").doesNotContain("guest");
        assertThat(Files.readString(directory.resolve("F.json"))).doesNotContain("guest");
    }

    private Ended bench(String source) throws IOException, InterruptedException {
        Path file = Files.writeString(directory.resolve("Guest.java"), source);
        assertThat(ToolProvider.getSystemJavaCompiler()
                        .run(
                                null,
                                null,
                                null,
                                "-cp",
                                JAR.toString(),
                                "-proc:none",
                                "-d",
                                directory.toString(),
                                file.toString()))
                .isZero();
        Path services = Files.createDirectories(directory.resolve("META-INF/services"));
        Files.writeString(services.resolve("dev.moba4j.cli.bench.Contender"), "Guest");
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                JAR + File.pathSeparator + directory,
                "dev.moba4j.cli.Main",
                "bench",
                "--suite",
                "peers",
                "--case",
                "^full_1k",
                "--seconds",
                "0",
                "--json",
                "F.json",
                "--quiet");
        Process process =
                new ProcessBuilder(command).directory(directory.toFile()).start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8)
                .replace("WARNING: Using incubator modules: jdk.incubator.vector\n", "");
        return new Ended(process.waitFor(), out, err);
    }
}
