package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.moba4j.AttentionOptions;
import dev.moba4j.DType;
import dev.moba4j.Routing;
import dev.moba4j.commandline.CommandLine.Result;
import dev.moba4j.files.RawNpy;
import dev.moba4j.files.RawSafetensors;
import dev.moba4j.files.RawSafetensors.Entry;
import dev.moba4j.oracle.Numerics;
import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Routes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Specification section 8: {@code moba attend} from a file to a file. */
class AttendCommandTest {
    private static final AttentionOptions OPTIONS = AttentionOptions.moba(8, 3);

    @TempDir
    Path directory;

    static Stream<Arguments> options() {
        AttentionOptions moba = AttentionOptions.moba(8, 4);
        return Stream.of(
                arguments(AttentionOptions.fullAttention(), "--full"),
                arguments(AttentionOptions.fullAttention().withCausal(false), "--full --no-causal"),
                arguments(moba.withCausal(false), "--block-size 8 --top-k 4 --no-causal"),
                arguments(
                        moba.withRouting(Routing.PER_GROUP).withSinkBlocks(1),
                        "--block-size 8 --top-k 4 --routing group --sink-blocks 1"),
                arguments(moba.withLocalBlocks(2), "--block-size 8 --top-k 4 --routing head --local-blocks 2"),
                arguments(moba.withSoftmaxScale(0.7), "--block-size 8 --top-k 4 --softmax-scale 0.7"),
                arguments(moba, "--block-size 8 --top-k 4 --backend scalar"),
                arguments(moba, "--block-size 8 --top-k 4 --backend vector"),
                arguments(moba, "--block-size=8 --top-k=4 --backend auto --threads 1"));
    }

    private static Problem problem(DType dtype, AttentionOptions options) {
        return Problem.shape(dtype)
                .heads(4, 2)
                .dims(16, 12)
                .lengths(new int[] {50, 3, 20}, new int[] {50, 30, 20})
                .options(options)
                .normal(6);
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "F16", "BF16"})
    void writesAttentionLseAndSelection(DType dtype) {
        Problem problem = problem(dtype, OPTIONS);
        Path input = InputFiles.packed(problem, DType.I32).write(directory.resolve("X.safetensors"));
        Map<String, Entry> output = attend(input, "--block-size", 8, "--top-k", 3, "--selection-out");
        assertThat(output).containsOnlyKeys("o", "lse", "selected");
        assertRight(problem, output);
        assertThat(output.get("selected").dtype()).isEqualTo("I32");
        assertThat(output.get("selected").shape()).containsExactly(problem.tokensQ(), 4, 3);
        Routes.assertSelection(problem, output.get("selected").ints(), 3);
    }

    @ParameterizedTest(name = "{1}")
    @MethodSource("options")
    void followsTheOptions(AttentionOptions options, String arguments) {
        Problem problem = problem(DType.F32, options);
        Path input = InputFiles.packed(problem, DType.I64).write(directory.resolve("X.safetensors"));
        List<Object> all = new ArrayList<>(Arrays.asList((Object[]) arguments.split(" ")));
        if (!options.full()) {
            all.add("--selection-out");
        }
        Map<String, Entry> output = attend(input, all.toArray());
        assertRight(problem, output);
        if (!options.full()) {
            Routes.assertSelection(problem, output.get("selected").ints(), problem.selectionWidth());
        }
    }

    @Test
    void deviceThatIsNotThereIsSaidInOneLine() {
        Path input =
                InputFiles.packed(problem(DType.F32, OPTIONS), DType.I32).write(directory.resolve("X.safetensors"));
        Path output = directory.resolve("Y.safetensors");
        Result result = moba(
                directory,
                "attend",
                "--input",
                input,
                "--output",
                output,
                "--block-size",
                8,
                "--top-k",
                3,
                "--backend",
                "cuda",
                "--device",
                1023);
        assertThat(result.status()).as("%s", result).isEqualTo(1);
        assertThat(result.err()).hasLineCount(1).contains("cuda is unavailable");
        assertThat(output).doesNotExist();
    }

    @Test
    void leavesTheSelectionOutUnlessAskedFor() {
        Path input =
                InputFiles.packed(problem(DType.F32, OPTIONS), DType.I32).write(directory.resolve("X.safetensors"));
        assertThat(attend(input, "--block-size", 8, "--top-k", 3)).containsOnlyKeys("o", "lse");
    }

    @Test
    void readsDataAtAnyByteOffset() {
        Problem problem = problem(DType.F32, OPTIONS);
        for (int shift = 0; shift < 2; shift++) {
            RawSafetensors file = new RawSafetensors()
                    .bytes("one byte", "U8", new byte[] {1}, 1)
                    .floats("q", DType.F32, problem.q(), problem.tokensQ(), 4, 16)
                    .bytes("another", "BOOL", new byte[] {1}, 1)
                    .floats("k", DType.F32, problem.k(), problem.tokensK(), 2, 16)
                    .integers("cu_seqlens_q", DType.I64, problem.cuSeqlensQ(), 4)
                    .integers("cu_seqlens_k", DType.I32, problem.cuSeqlensK(), 4)
                    .bytes("a third", "F8_E4M3", new byte[] {1}, 1)
                    .floats("v", DType.F32, problem.v(), problem.tokensK(), 2, 12);
            for (int i = 0; i < shift; i++) {
                file.shiftByOneByte();
            }
            Path input = file.write(directory.resolve("X" + shift + ".safetensors"));
            assertRight(problem, attend(input, "--block-size", 8, "--top-k", 3, "--selection-out"));
        }
    }

    @Test
    void ignoresOtherTensorsAndMetadata() {
        Problem problem = problem(DType.BF16, OPTIONS);
        Path input = InputFiles.packed(problem, DType.I32)
                .metadata("format", "pt")
                .bytes("weights", "F64", new byte[16], 2)
                .integers("seq_ids", DType.I64, new int[] {1, 2}, 2)
                .write(directory.resolve("X.safetensors"));
        assertRight(problem, attend(input, "--block-size", 8, "--top-k", 3, "--selection-out"));
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16"})
    void readsArraysOfNumPy(DType dtype) throws IOException {
        Problem problem = Problem.shape(dtype)
                .heads(4, 2)
                .dims(16, 12)
                .lengths(53)
                .options(OPTIONS)
                .normal(1);
        Path q = new RawNpy().values(dtype, problem.q(), 53, 4, 16).write(directory.resolve("q.npy"));
        Path k = new RawNpy().values(dtype, problem.k(), 53, 2, 16).write(directory.resolve("k.npy"));
        Path v = new RawNpy().values(dtype, problem.v(), 53, 2, 12).write(directory.resolve("v.npy"));
        Path output = directory.resolve("Y.safetensors");
        assertQuiet(moba(
                directory,
                "attend",
                "--q",
                q,
                "--k",
                k,
                "--v",
                v,
                "--output",
                output,
                "--block-size",
                8,
                "--top-k",
                3,
                "--selection-out"));
        assertRight(problem, RawSafetensors.read(output));
    }

    @Test
    void followsAGivenSelection() {
        Problem problem = problem(DType.F32, AttentionOptions.selected(8));
        int[][] rows = new int[problem.tokensQ() * 4][];
        Arrays.fill(rows, new int[0]);
        for (int row = 40 * 4; row < 50 * 4; row++) {
            rows[row] = new int[] {row % 2, 3 + row % 2};
        }
        Path input = InputFiles.packed(problem, DType.I32)
                .integers("selected", DType.I32, Routes.pad(rows, 4), problem.tokensQ(), 4, 4)
                .write(directory.resolve("X.safetensors"));
        Map<String, Entry> output = attend(input, "--block-size", 8);
        Numerics.assertAttention(
                problem, rows, output.get("o").floats(), output.get("lse").floats());
        Map<String, Entry> alsoRouted = attend(input, "--block-size", 8, "--top-k", 1, "--routing", "group");
        assertThat(alsoRouted.get("o").floats())
                .as("routing options are ignored")
                .containsExactly(output.get("o").floats());
    }

    @Test
    void oneCuSeqlensServesForBothAndNoneIsOneSequence() {
        Problem packed =
                Problem.shape(DType.F32).lengths(20, 0, 33).options(OPTIONS).normal(1);
        Path one = InputFiles.of(packed)
                .integers("cu_seqlens_q", DType.I32, packed.cuSeqlensQ(), 4)
                .write(directory.resolve("one.safetensors"));
        assertRight(packed, attend(one, "--block-size", 8, "--top-k", 3, "--selection-out"));
        Problem single = Problem.shape(DType.F32).lengths(53).options(OPTIONS).normal(1);
        Path none = InputFiles.of(single).write(directory.resolve("none.safetensors"));
        assertRight(single, attend(none, "--block-size", 8, "--top-k", 3, "--selection-out"));
    }

    @Test
    void threadsDoNotChangeAByteOfTheOutput() throws IOException {
        Problem problem = problem(DType.F16, OPTIONS);
        Path input = InputFiles.packed(problem, DType.I32).write(directory.resolve("X.safetensors"));
        byte[][] outputs = new byte[3][];
        for (int threads = 1; threads <= 3; threads++) {
            Path output = directory.resolve("Y" + threads);
            assertQuiet(moba(
                    directory,
                    "attend",
                    "--input",
                    input,
                    "--output",
                    output,
                    "--block-size",
                    8,
                    "--top-k",
                    3,
                    "--threads",
                    threads));
            outputs[threads - 1] = Files.readAllBytes(output);
        }
        assertThat(outputs[1]).isEqualTo(outputs[0]);
        assertThat(outputs[2]).isEqualTo(outputs[0]);
    }

    @Test
    void replacesAnExistingOutputAndLeavesNothingElse() throws IOException {
        Problem problem = problem(DType.F32, OPTIONS);
        Path input = InputFiles.packed(problem, DType.I32).write(directory.resolve("X.safetensors"));
        byte[] before = Files.readAllBytes(input);
        Files.writeString(directory.resolve("Y.safetensors"), "old");
        assertRight(problem, attend(input, "--block-size", 8, "--top-k", 3, "--selection-out"));
        assertThat(Files.readAllBytes(input)).as("input").isEqualTo(before);
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("X.safetensors", "Y.safetensors");
        }
    }

    @Test
    void acceptsNamesWithSpacesAndOtherAlphabets() {
        Problem problem = problem(DType.F32, OPTIONS);
        Path input = InputFiles.packed(problem, DType.I32).write(directory.resolve("données à lire.safetensors"));
        assertRight(problem, attend(input, "--block-size", 8, "--top-k", 3, "--selection-out"));
    }

    @Test
    void emptyBatchIsLegal() {
        Problem problem = Problem.shape(DType.F32).lengths(0).options(OPTIONS).normal(1);
        Path input = InputFiles.of(problem).write(directory.resolve("X.safetensors"));
        Map<String, Entry> output = attend(input, "--block-size", 8, "--top-k", 3, "--selection-out");
        assertThat(output.get("o").shape()).containsExactly(0, 1, 8);
        assertThat(output.get("o").bytes()).isEmpty();
    }

    /** Runs attend, asserts that it succeeded without a word on stderr, and reads its output. */
    private Map<String, Entry> attend(Path input, Object... options) {
        Path output = directory.resolve("Y.safetensors");
        List<Object> arguments = new ArrayList<>(List.of("attend", "--input", input, "--output", output));
        arguments.addAll(Arrays.asList(options));
        assertQuiet(moba(directory, arguments.toArray()));
        return RawSafetensors.read(output);
    }

    private static void assertQuiet(Result result) {
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.err()).as("stderr of %s", result).isEmpty();
    }

    private static void assertRight(Problem problem, Map<String, Entry> output) {
        Entry o = output.get("o");
        Entry lse = output.get("lse");
        assertThat(o.dtype()).isEqualTo(problem.dtype().name());
        assertThat(o.shape()).containsExactly(problem.tokensQ(), problem.heads(), problem.headDimV());
        assertThat(lse.dtype()).isEqualTo("F32");
        assertThat(lse.shape()).containsExactly(problem.tokensQ(), problem.heads());
        int[][] rows = problem.options().full()
                ? null
                : Routes.rows(output.get("selected").ints(), problem.selectionWidth());
        Numerics.assertAttention(problem, rows, o.floats(), lse.floats());
    }
}
