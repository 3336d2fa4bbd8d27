package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.AttentionOptions;
import dev.moba4j.DType;
import dev.moba4j.commandline.CommandLine.Result;
import dev.moba4j.commandline.CommandLine.Running;
import dev.moba4j.oracle.Problem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Work over a second shows its progress on stderr, unless asked not to, and can be stopped. */
class ProgressTest {
    @TempDir
    Path directory;

    @BeforeEach
    void writeInput() {
        Problem problem = Problem.shape(DType.F32)
                .heads(4, 2)
                .dims(32, 32)
                .lengths(800)
                .options(AttentionOptions.fullAttention())
                .normal(1);
        InputFiles.of(problem).write(directory.resolve("X"));
    }

    @Test
    void longRunShowsItsProgressOnStderrAlone() {
        Result result = moba(directory, longRun(20));
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.err()).contains("%").doesNotContain("Exception", "WARNING");
        assertThat(result.out()).doesNotContain("%");
    }

    @Test
    void quietShowsNone() {
        Result result = moba(directory, longRun(20, "--quiet"));
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.err()).isEmpty();
    }

    @Test
    @Timeout(60)
    void stoppedRunLeavesNoFile() throws IOException, InterruptedException {
        Running running = CommandLine.start(directory, longRun(1_000_000));
        while (!running.err().contains("%") && running.process().isAlive()) {
            Thread.sleep(20);
        }
        running.process().destroy();
        Result result = running.await();
        assertThat(result.status()).as("%s", result).isNotZero();
        assertThat(result.err()).doesNotContain("Exception");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.map(file -> file.getFileName().toString())).containsExactly("X");
        }
    }

    private static Object[] longRun(int repetitions, Object... more) {
        List<Object> arguments = new ArrayList<>(List.of(
                "attend", "--input", "X", "--output", "Y", "--full", "--backend", "scalar", "--repeat", repetitions));
        arguments.addAll(Arrays.asList(more));
        return arguments.toArray();
    }
}
