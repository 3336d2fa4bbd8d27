package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.oracle.Attention;
import dev.moba4j.oracle.Numerics;
import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Problem.Shape;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.data.Offset;

/** Equalities that hold for every problem, drawn at random and shrunk when they fail. */
@Tag("cuda")
class AttentionPropertiesTest {

    @Provide
    Arbitrary<Problem> problems() {
        return shapes(Arbitraries.integers().between(0, 70).list().ofMinSize(1).ofMaxSize(4))
                .flatMap(shape -> Arbitraries.longs().withoutEdgeCases().map(shape::normal));
    }

    @Provide
    Arbitrary<Problem> batches() {
        Arbitrary<List<Integer>> equalLengths = Combinators.combine(
                        Arbitraries.integers().between(0, 60),
                        Arbitraries.integers().between(1, 4))
                .as((length, count) -> Collections.nCopies(count, length));
        return shapes(equalLengths)
                .flatMap(shape -> Arbitraries.longs().withoutEdgeCases().map(shape::normal));
    }

    private static Arbitrary<Shape> shapes(Arbitrary<List<Integer>> lengths) {
        Arbitrary<int[]> heads = Arbitraries.of(new int[] {1, 1}, new int[] {4, 2}, new int[] {5, 1}, new int[] {3, 3});
        Arbitrary<int[]> dims = Arbitraries.of(
                new int[] {1, 1}, new int[] {8, 8}, new int[] {17, 9}, new int[] {32, 32}, new int[] {64, 64});
        return Combinators.combine(
                        Arbitraries.of(DType.F32, DType.F16, DType.BF16).withoutEdgeCases(),
                        heads.withoutEdgeCases(),
                        dims.withoutEdgeCases(),
                        lengths,
                        options().withoutEdgeCases())
                .as((dtype, h, d, l, o) -> Problem.shape(dtype)
                        .heads(h[0], h[1])
                        .dims(d[0], d[1])
                        .lengths(l.stream().mapToInt(Integer::intValue).toArray())
                        .options(o));
    }

    private static Arbitrary<AttentionOptions> options() {
        return Combinators.combine(
                        Arbitraries.integers().between(1, 24),
                        Arbitraries.integers().between(1, 6),
                        Arbitraries.of(true, true, false),
                        Arbitraries.of(Routing.class),
                        Arbitraries.integers().between(0, 2),
                        Arbitraries.integers().between(1, 3))
                .as((blockSize, topK, causal, routing, sinks, local) -> {
                    int localBlocks = causal ? Math.min(local, topK) : 1;
                    return AttentionOptions.moba(blockSize, topK)
                            .withCausal(causal)
                            .withRouting(routing)
                            .withLocalBlocks(localBlocks)
                            .withSinkBlocks(Math.min(sinks, topK - localBlocks));
                });
    }

    @Property(tries = 180)
    void attendIsRight(@ForAll("problems") Problem problem) {
        for (Backend backend : Backend.all()) {
            try (Call call = Call.attended(backend, problem)) {
                call.assertRight();
            }
        }
    }

    @Property(tries = 120)
    void packedSequencesHaveTheBitsOfSeparateOnes(@ForAll("problems") Problem problem) {
        for (Backend backend : Backend.all()) {
            try (Call packed = Call.attended(backend, problem)) {
                for (int s = 0; s < problem.sequences(); s++) {
                    int first = problem.queryStart(s) * problem.heads();
                    int last = first + problem.queryLengths()[s] * problem.heads();
                    try (Call alone = Call.attended(backend, problem.sequence(s))) {
                        assertThat(Arrays.copyOfRange(
                                        packed.o.floats(), first * problem.headDimV(), last * problem.headDimV()))
                                .as("%s: o of sequence %d", backend, s)
                                .isEqualTo(alone.o.floats());
                        assertThat(Arrays.copyOfRange(packed.lse.floats(), first, last))
                                .as("%s: lse of sequence %d", backend, s)
                                .isEqualTo(alone.lse.floats());
                        assertThat(Arrays.copyOfRange(packed.selectedRows(), first, last))
                                .as("%s: selection of sequence %d", backend, s)
                                .isDeepEqualTo(alone.selectedRows());
                    }
                }
            }
        }
    }

    @Property(tries = 120)
    void batchedSequencesHaveTheBitsOfPackedOnes(@ForAll("batches") Problem problem) {
        for (Backend backend : Backend.all()) {
            try (Call packed = Call.attended(backend, problem)) {
                for (Layout layout : List.of(Layout.BATCHED, Layout.BATCHED_HEAD_MAJOR, Layout.BATCHED_GAPS)) {
                    try (Call batched = Call.attended(backend.engine(), problem, layout)) {
                        packed.assertSameBits(batched);
                    }
                }
            }
        }
    }

    @Property(tries = 120)
    void stridedTensorsGiveTheBitsOfContiguousOnes(@ForAll("problems") Problem problem) {
        for (Backend backend : Backend.all()) {
            try (Call contiguous = Call.attended(backend, problem)) {
                for (Layout layout : List.of(Layout.HEAD_MAJOR, Layout.GAPS)) {
                    try (Call strided = Call.attended(backend.engine(), problem, layout)) {
                        contiguous.assertSameBits(strided);
                    }
                }
            }
        }
    }

    @Property(tries = 120)
    void saturatedTopKIsFullAttention(@ForAll("problems") Problem problem) {
        AttentionOptions options = problem.options();
        Problem saturated = problem.withOptions(
                AttentionOptions.moba(options.blockSize(), 1000).withCausal(options.causal()));
        Problem full = problem.withOptions(AttentionOptions.fullAttention().withCausal(options.causal()));
        for (Backend backend : Backend.all()) {
            try (Call sparse = Call.attended(backend, saturated);
                    Call dense = Call.attended(backend, full)) {
                sparse.assertRight();
                dense.assertRight();
                Numerics.assertAttention(full, null, sparse.o.floats(), sparse.lse.floats());
            }
        }
    }

    @Property(tries = 120)
    void importedSelectionGivesWhatItsExportGave(@ForAll("problems") Problem problem) {
        for (Backend backend : Backend.all()) {
            try (Call exported = Call.attended(backend, problem);
                    Call imported = new Call(backend.engine(), problem, Layout.PACKED);
                    AttentionPlan plan = backend.engine().plan(Call.spec(problem, problem.selectionWidth()))) {
                plan.attendSelected(
                        imported.inputs(),
                        exported.selected.tensor(),
                        AttentionOutputs.of(imported.o.tensor(), imported.lse.tensor()));
                imported.assertAttention(exported.selectedRows());
                assertClose(problem, exported.selectedRows(), exported.o.floats(), imported.o.floats());
            }
        }
    }

    @Property(tries = 120)
    void permutedHeadsArePermutedOutputs(@ForAll("problems") Problem problem) {
        int group = problem.heads() / problem.kvHeads();
        int[] kvHeads = reversed(problem.kvHeads());
        int[] heads = IntStream.range(0, problem.heads())
                .map(h -> kvHeads[h / group] * group + (group - 1 - h % group))
                .toArray();
        Problem permuted = problem.withData(
                permute(problem.q(), heads, problem.headDim()),
                permute(problem.k(), kvHeads, problem.headDim()),
                permute(problem.v(), kvHeads, problem.headDimV()));
        for (Backend backend : Backend.all()) {
            try (Call plain = Call.attended(backend, problem);
                    Call call = Call.attended(backend, permuted)) {
                call.assertRight();
                int[][] rows = permuteRows(call.selectedRows(), heads);
                if (Arrays.deepEquals(rows, plain.selectedRows())) {
                    assertClose(problem, rows, plain.o.floats(), permute(call.o.floats(), heads, problem.headDimV()));
                }
            }
        }
    }

    @Property(tries = 60)
    void chunksGiveTheRowsOfThePrefillAtOnce(
            @ForAll("problems") Problem problem, @ForAll @IntRange(min = 1, max = 69) int cut) {
        Problem whole = problem.sequence(0).withOptions(problem.options().withCausal(true));
        int length = whole.queryLengths()[0];
        int from = Math.min(cut, length);
        int row = whole.heads() * whole.headDim();
        Problem chunk = new Problem(
                whole.dtype(),
                whole.heads(),
                whole.kvHeads(),
                whole.headDim(),
                whole.headDimV(),
                new int[] {length - from},
                whole.keyLengths(),
                whole.options(),
                Arrays.copyOfRange(whole.q(), from * row, length * row),
                whole.k(),
                whole.v());
        for (Backend backend : Backend.all()) {
            try (Call once = Call.attended(backend, whole);
                    Call later = Call.attended(backend, chunk)) {
                later.assertRight();
                int[][] rows = Arrays.copyOfRange(once.selectedRows(), from * whole.heads(), length * whole.heads());
                if (Arrays.deepEquals(rows, later.selectedRows())) {
                    float[] o = Arrays.copyOfRange(
                            once.o.floats(),
                            from * whole.heads() * whole.headDimV(),
                            length * whole.heads() * whole.headDimV());
                    assertClose(chunk, rows, o, later.o.floats());
                }
            }
        }
    }

    @Property(tries = 90)
    void threadCountDoesNotChangeABit(@ForAll("problems") Problem problem) {
        for (Backend backend : Backend.all()) {
            try (Call two = Call.attended(backend, problem)) {
                for (int threads : new int[] {1, 3, 8}) {
                    try (Engine engine = backend.open(threads);
                            Call call = Call.attended(engine, problem, Layout.PACKED)) {
                        two.assertSameBits(call);
                    }
                }
            }
        }
    }

    /** Asserts that both are within the bound of section 6 of the truth, hence within twice that of each other. */
    private static void assertClose(Problem problem, int[][] rows, float[] expected, float[] actual) {
        double bound = 2 * Numerics.outputBound(problem, rows, Attention.exact(problem, rows));
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) actual[i]).as("o at element %d", i).isCloseTo(expected[i], Offset.offset(bound));
        }
    }

    private static int[] reversed(int count) {
        return IntStream.range(0, count).map(i -> count - 1 - i).toArray();
    }

    /** {@code values[token, heads[h], :]} for each token and h. */
    private static float[] permute(float[] values, int[] heads, int channels) {
        float[] permuted = new float[values.length];
        for (int row = 0; row < values.length / channels; row++) {
            int from = row / heads.length * heads.length + heads[row % heads.length];
            System.arraycopy(values, from * channels, permuted, row * channels, channels);
        }
        return permuted;
    }

    private static int[][] permuteRows(int[][] rows, int[] heads) {
        return IntStream.range(0, rows.length)
                .mapToObj(row -> rows[row / heads.length * heads.length + heads[row % heads.length]])
                .toArray(int[][]::new);
    }
}
