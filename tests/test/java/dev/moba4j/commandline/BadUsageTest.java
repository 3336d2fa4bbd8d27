package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.AttentionOptions;
import dev.moba4j.DType;
import dev.moba4j.commandline.CommandLine.Result;
import dev.moba4j.files.RawNpy;
import dev.moba4j.files.RawSafetensors;
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
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Specification section 8: bad usage and bad input end with status 2, one clear line on stderr and no output file. */
class BadUsageTest {
    private static final Problem PROBLEM = Problem.shape(DType.F32)
            .heads(4, 2)
            .lengths(20, 13)
            .options(AttentionOptions.moba(8, 3))
            .normal(2);

    @TempDir
    Path directory;

    private record Input(String name, RawSafetensors file, String... parts) {
        @Override
        public String toString() {
            return name;
        }
    }

    @BeforeEach
    void writeInput() {
        InputFiles.packed(PROBLEM, DType.I32).write(directory.resolve("X.safetensors"));
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            value = {
                "--top-k 3, --block-size",
                "--block-size 8, --top-k",
                "'', --block-size",
                "--block-size 0 --top-k 3, --block-size",
                "--block-size -8 --top-k 3, --block-size",
                "--block-size eight --top-k 3, --block-size",
                "--block-size 8.5 --top-k 3, --block-size",
                "--block-size 99999999999999999999 --top-k 3, --block-size",
                "--block-size 8 --top-k 0, --top-k",
                "--block-size 8 --top-k, --top-k",
                "--block-size 8 --top-k 3 --top-k 4, --top-k",
                "--full --block-size 8, --block-size",
                "--full --top-k 3, --top-k",
                "--full --selection-out, --selection-out",
                "--block-size 8 --top-k 3 --threads 0, --threads",
                "--block-size 8 --top-k 3 --threads -2, --threads",
                "--block-size 8 --top-k 3 --backend tpu, --backend",
                "--block-size 8 --top-k 3 --device 0, --device",
                "--block-size 8 --top-k 3 --backend native --device 0, --device",
                "--block-size 8 --top-k 3 --backend cuda --device -1, --device",
                "--block-size 8 --top-k 3 --backend cuda --device first, --device",
                "--block-size 8 --top-k 3 --softmax-scale 0, --softmax-scale",
                "--block-size 8 --top-k 3 --softmax-scale NaN, --softmax-scale",
                "--block-size 8 --top-k 3 --softmax-scale -1, --softmax-scale",
                "--block-size 8 --top-k 3 --softmax-scale big, --softmax-scale",
                "--block-size 8 --top-k 3 --routing all, --routing",
                "--block-size 8 --top-k 3 --sink-blocks -1, --sink-blocks",
                "--block-size 8 --top-k 3 --sink-blocks 3, --sink-blocks",
                "--block-size 8 --top-k 3 --local-blocks 0, --local-blocks",
                "--block-size 8 --top-k 3 --local-blocks 2 --no-causal, --local-blocks",
                "--block-size 8 --top-k 3 --repeat -1, --repeat",
                "--block-size 8 --top-k 3 --repeat many, --repeat",
                "--block-size 8 --top-k 3 --stats no/such/folder/stats.json, --stats",
                "--block-size 8 --top-k 3 --colour red, --colour",
                "--block-size 8 --top-k 3 surplus, surplus"
            })
    void refusesOptions(String options, String named) throws IOException {
        List<Object> arguments =
                new ArrayList<>(List.of("attend", "--input", "X.safetensors", "--output", "Y.safetensors"));
        if (!options.isEmpty()) {
            arguments.addAll(Arrays.asList((Object[]) options.split(" ")));
        }
        assertRefused(moba(directory, arguments.toArray()), named);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-1", "10000000", "long"})
    void refusesToFuzzForNoLengthOfTime(String seconds) throws IOException {
        assertRefused(moba(directory, "test", "--fuzz", seconds), "--fuzz");
    }

    static Stream<Input> inputs() {
        float[] q = PROBLEM.q();
        float[] k = PROBLEM.k();
        float[] v = PROBLEM.v();
        RawSafetensors noQ =
                new RawSafetensors().floats("k", DType.F32, k, 33, 2, 8).floats("v", DType.F32, v, 33, 2, 8);
        return Stream.of(
                new Input("no q", noQ, "q"),
                new Input(
                        "v absent",
                        new RawSafetensors().floats("q", DType.F32, q, 33, 4, 8).floats("k", DType.F32, k, 33, 2, 8),
                        "v"),
                new Input(
                        "dtypes differ",
                        new RawSafetensors()
                                .floats("q", DType.F32, q, 33, 4, 8)
                                .floats("k", DType.F16, k, 33, 2, 8)
                                .floats("v", DType.F32, v, 33, 2, 8),
                        "k",
                        "F16",
                        "F32"),
                new Input(
                        "q I32",
                        new RawSafetensors()
                                .integers("q", DType.I32, new int[33 * 32], 33, 4, 8)
                                .floats("k", DType.F32, k, 33, 2, 8)
                                .floats("v", DType.F32, v, 33, 2, 8),
                        "q",
                        "I32"),
                new Input(
                        "q F64",
                        new RawSafetensors()
                                .bytes("q", "F64", new byte[33 * 4 * 8 * 8], 33, 4, 8)
                                .floats("k", DType.F32, k, 33, 2, 8)
                                .floats("v", DType.F32, v, 33, 2, 8),
                        "q",
                        "F64"),
                new Input(
                        "q of rank 2",
                        new RawSafetensors()
                                .floats("q", DType.F32, q, 33, 32)
                                .floats("k", DType.F32, k, 33, 2, 8)
                                .floats("v", DType.F32, v, 33, 2, 8),
                        "q",
                        "3"),
                new Input("heads do not divide", qkv(q, k, v, 33, 4, 22, 3), "3", "4"),
                new Input(
                        "tokens of v",
                        new RawSafetensors()
                                .floats("q", DType.F32, q, 33, 4, 8)
                                .floats("k", DType.F32, k, 33, 2, 8)
                                .floats("v", DType.F32, Arrays.copyOf(v, 32 * 16), 32, 2, 8),
                        "v",
                        "32",
                        "33"),
                new Input(
                        "cu_seqlens descends",
                        InputFiles.of(PROBLEM).integers("cu_seqlens_q", DType.I32, new int[] {0, 40, 33}, 3),
                        "cu_seqlens_q",
                        "33",
                        "40"),
                new Input(
                        "cu_seqlens too short",
                        InputFiles.of(PROBLEM).integers("cu_seqlens_k", DType.I64, new int[] {0, 20, 32}, 3),
                        "cu_seqlens_k",
                        "32",
                        "33"),
                new Input(
                        "cu_seqlens F32",
                        InputFiles.of(PROBLEM).floats("cu_seqlens_q", DType.F32, new float[] {0, 33}, 2),
                        "cu_seqlens_q",
                        "F32"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("inputs")
    void refusesInputs(Input input) throws IOException {
        input.file.write(directory.resolve("X.safetensors"));
        assertRefused(
                moba(
                        directory,
                        "attend",
                        "--input",
                        "X.safetensors",
                        "--output",
                        "Y.safetensors",
                        "--block-size",
                        8,
                        "--top-k",
                        3),
                input.parts);
    }

    @Test
    void refusesASelectionThatBreaksTheRules() throws IOException {
        int[] selected = new int[33 * 4 * 2];
        Arrays.fill(selected, -1);
        selected[(32 * 4 + 3) * 2] = 1;
        selected[(32 * 4 + 3) * 2 + 1] = 7;
        InputFiles.packed(PROBLEM, DType.I32)
                .integers("selected", DType.I32, selected, 33, 4, 2)
                .write(directory.resolve("X.safetensors"));
        assertRefused(
                moba(directory, "attend", "--input", "X.safetensors", "--output", "Y.safetensors", "--block-size", 8),
                "selected[32, 3, 1]",
                "7");
        assertRefused(
                moba(directory, "attend", "--input", "X.safetensors", "--output", "Y.safetensors"), "--block-size");
    }

    @Test
    void refusesFilesThatAreNotSafetensors() throws IOException {
        byte[] whole = Files.readAllBytes(directory.resolve("X.safetensors"));
        Files.write(directory.resolve("X.safetensors"), Arrays.copyOf(whole, whole.length - 5));
        assertRefused(attend("X.safetensors", "Y.safetensors"), "X.safetensors", "expected");
        Files.write(directory.resolve("X.safetensors"), new byte[3]);
        assertRefused(attend("X.safetensors", "Y.safetensors"), "X.safetensors", "3");
        Files.writeString(directory.resolve("X.safetensors"), "this is no tensor file, and it never was");
        assertRefused(attend("X.safetensors", "Y.safetensors"), "X.safetensors");
    }

    @Test
    void refusesHalfGivenOrDoublyGivenInputs(@TempDir Path elsewhere) throws IOException {
        Path array = new RawNpy().floats(new float[8], 1, 1, 8).write(elsewhere.resolve("a.npy"));
        assertRefused(moba(directory, "attend", "--output", "Y.safetensors", "--full", "--q", array), "--k");
        assertRefused(
                moba(directory, "attend", "--output", "Y.safetensors", "--full", "--q", array, "--k", array), "--v");
        assertRefused(
                moba(
                        directory,
                        "attend",
                        "--output",
                        "Y.safetensors",
                        "--full",
                        "--input",
                        "X.safetensors",
                        "--v",
                        array),
                "--input",
                "--v");
        assertRefused(
                moba(directory, "attend", "--output", array, "--full", "--q", array, "--k", array, "--v", array),
                "--output",
                "--q");
        assertRefused(
                moba(
                        directory,
                        "attend",
                        "--output",
                        "Y.safetensors",
                        "--full",
                        "--q",
                        array,
                        "--k",
                        array,
                        "--v",
                        "X.safetensors"),
                "X.safetensors",
                "numpy.save");
    }

    @Test
    void refusesPathsThatCannotBeReadOrWritten() throws IOException {
        assertRefused(attend("missing.safetensors", "Y.safetensors"), "missing.safetensors");
        assertRefused(attend(".", "Y.safetensors"), "--input");
        assertRefused(attend("X.safetensors", "no/such/folder/Y.safetensors"), "--output", "no/such/folder");
        assertRefused(attend("X.safetensors", directory.toString()), "--output");
        assertRefused(
                moba(directory, "attend", "--output", "Y.safetensors", "--block-size", 8, "--top-k", 3), "--input");
        assertRefused(
                moba(directory, "attend", "--input", "X.safetensors", "--block-size", 8, "--top-k", 3), "--output");
    }

    @Test
    void leavesAnExistingOutputAsItWas() throws IOException {
        Files.writeString(directory.resolve("Y.safetensors"), "as it was");
        Result result = moba(
                directory,
                "attend",
                "--input",
                "X.safetensors",
                "--output",
                "Y.safetensors",
                "--block-size",
                8,
                "--top-k",
                3,
                "--sink-blocks",
                9);
        assertThat(result.status()).isEqualTo(2);
        assertThat(Files.readString(directory.resolve("Y.safetensors"))).isEqualTo("as it was");
    }

    @Test
    void refusesUnknownCommandsAndNone() throws IOException {
        assertRefused(moba(directory, "atend", "--full"), "atend");
        Result none = moba(directory);
        assertThat(none.status()).as("%s", none).isEqualTo(2);
        assertThat(none.err()).contains("attend", "route", "info", "demo", "install", "test");
        assertThat(none.out()).isEmpty();
    }

    @Test
    void routeRefusesWhatItCannotDo() throws IOException {
        assertRefused(
                moba(directory, "route", "--input", "X.safetensors", "--output", "Y.safetensors"), "--block-size");
        assertRefused(
                moba(directory, "route", "--input", "X.safetensors", "--output", "Y.safetensors", "--full"), "--full");
        assertRefused(
                moba(
                        directory,
                        "route",
                        "--input",
                        "X.safetensors",
                        "--output",
                        "Y.safetensors",
                        "--block-size",
                        8,
                        "--top-k",
                        3,
                        "--picture",
                        "no/such/P.png"),
                "--picture");
    }

    private Result attend(String input, String output) {
        return moba(directory, "attend", "--input", input, "--output", output, "--block-size", 8, "--top-k", 3);
    }

    private static RawSafetensors qkv(
            float[] q, float[] k, float[] v, int tokensQ, int heads, int tokensK, int kvHeads) {
        return new RawSafetensors()
                .floats("q", DType.F32, q, tokensQ, heads, 8)
                .floats("k", DType.F32, k, tokensK, kvHeads, 8)
                .floats("v", DType.F32, v, tokensK, kvHeads, 8);
    }

    /** Asserts status 2, one line on stderr with {@code parts}, an empty stdout, and no new file. */
    private void assertRefused(Result result, String... parts) throws IOException {
        assertThat(result.status()).as("%s", result).isEqualTo(2);
        assertThat(result.err())
                .as("stderr")
                .hasLineCount(1)
                .contains(parts)
                .startsWith("moba")
                .doesNotContain("Exception");
        assertThat(result.err().length())
                .as("length of the line: %s", result.err())
                .isLessThan(600);
        assertThat(result.out()).as("stdout").isEmpty();
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.map(file -> file.getFileName().toString())).containsExactly("X.safetensors");
        }
    }
}
