package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.AttentionOptions;
import dev.moba4j.DType;
import dev.moba4j.commandline.CommandLine.Result;
import dev.moba4j.files.JsonText;
import dev.moba4j.files.RawSafetensors;
import dev.moba4j.files.RawSafetensors.Entry;
import dev.moba4j.oracle.Numerics;
import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Routes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --backend cuda} from a file to a file, by way of the device. */
@Tag("device")
class CudaCommandTest {
    private static final Problem PROBLEM = Problem.shape(DType.F16)
            .heads(4, 2)
            .dims(16, 12)
            .lengths(new int[] {50, 3, 20}, new int[] {50, 30, 20})
            .options(AttentionOptions.moba(8, 3))
            .normal(6);

    @TempDir
    Path directory;

    @Test
    void attendWritesAttentionAndSelectionAndItsTimes() throws Exception {
        Path stats = directory.resolve("stats.json");
        Map<String, Entry> output =
                run("attend", input(), "--selection-out", "--device", 0, "--repeat", 2, "--stats", stats);
        Routes.assertSelection(PROBLEM, output.get("selected").ints(), 3);
        assertAttention(output, output.get("selected").ints());
        Map<String, Object> measured = JsonText.object(Files.readString(stats));
        assertThat(measured.get("backend")).isEqualTo("cuda");
        assertThat((List<?>) measured.get("milliseconds")).hasSize(2);
        assertThat((List<?>) measured.get("route_milliseconds")).hasSize(2);
        assertThat(((Number) measured.get("useful_gflop")).doubleValue()).isPositive();
    }

    @Test
    void routeWritesTheSelectionThatAttendFollows() {
        Path picture = directory.resolve("map.png");
        Map<String, Entry> routed = run("route", input(), "--picture", picture);
        int[] selected = routed.get("selected").ints();
        Routes.assertSelection(PROBLEM, selected, 3);
        assertThat(picture).isNotEmptyFile();
        Path given = InputFiles.packed(PROBLEM, DType.I32)
                .integers("selected", DType.I32, selected, PROBLEM.tokensQ(), PROBLEM.heads(), 3)
                .write(directory.resolve("given.safetensors"));
        assertAttention(run("attend", given), selected);
    }

    @Test
    void aBadSelectionIsBadInput() {
        int[] selected = new int[Math.toIntExact(PROBLEM.tokensQ() * PROBLEM.heads())];
        selected[1] = 5;
        Path given = InputFiles.packed(PROBLEM, DType.I32)
                .integers("selected", DType.I32, selected, PROBLEM.tokensQ(), PROBLEM.heads(), 1)
                .write(directory.resolve("given.safetensors"));
        Path output = directory.resolve("Y.safetensors");
        Result result =
                moba(directory, "attend", "--input", given, "--output", output, "--block-size", 8, "--backend", "cuda");
        assertThat(result.status()).as("%s", result).isEqualTo(2);
        assertThat(result.err()).hasLineCount(1).contains("selected[0, 1, 0] is 5");
        assertThat(output).doesNotExist();
    }

    @Test
    void demoStaysOnTheProcessor() {
        Result result = moba(directory, "demo", "--backend", "cuda");
        assertThat(result.status()).as("%s", result).isEqualTo(2);
        assertThat(result.err()).hasLineCount(1).contains("--backend", "cuda");
    }

    @Test
    void infoNamesTheDevice() {
        Result result = moba(directory, "info", "--json");
        assertThat((String) JsonText.object(result.out()).get("gpu")).isNotBlank();
        assertThat(moba(directory, "info").out()).contains("GPU           for --backend cuda: ");
    }

    private Path input() {
        return InputFiles.packed(PROBLEM, DType.I32).write(directory.resolve("X.safetensors"));
    }

    private Map<String, Entry> run(String command, Path input, Object... more) {
        Path output = directory.resolve(command + ".safetensors");
        List<Object> arguments = new ArrayList<>(List.of(
                command, "--input", input, "--output", output, "--block-size", 8, "--top-k", 3, "--backend", "cuda"));
        arguments.addAll(List.of(more));
        Result result = moba(directory, arguments.toArray());
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.out()).contains("(cuda: ", "attention by portable kernels, as ");
        return RawSafetensors.read(output);
    }

    private static void assertAttention(Map<String, Entry> output, int[] selected) {
        Numerics.assertAttention(
                PROBLEM,
                Routes.rows(selected, 3),
                output.get("o").floats(),
                output.get("lse").floats());
    }
}
