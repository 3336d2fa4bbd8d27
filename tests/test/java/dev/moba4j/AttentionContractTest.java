package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Rounding;
import dev.moba4j.oracle.Routes;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What every backend computes: specification sections 2, 3 and 6 over a grid of dtypes, shapes, layouts and options. */
@Tag("cuda")
class AttentionContractTest {
    private static final List<DType> STORAGE = List.of(DType.F32, DType.F16, DType.BF16);

    static Stream<Arguments> grid() {
        return Backend.allTargets().stream().flatMap(backend -> Cases.all().stream()
                .flatMap(c -> STORAGE.stream().map(dtype -> arguments(backend, c, dtype))));
    }

    static Stream<Arguments> layouts() {
        List<Cases> cases = Stream.of("equal sequences", "H 6, G 2", "one token", "no token", "D 33, Dv 31")
                .map(Cases::named)
                .toList();
        return Backend.all().stream()
                .flatMap(backend -> Stream.of(Layout.values()).flatMap(layout -> cases.stream()
                        .flatMap(c -> STORAGE.stream().map(dtype -> arguments(backend, layout, c, dtype)))));
    }

    static Stream<Arguments> extremes() {
        List<Cases> cases = Stream.of(
                        "H 8, G 2", "non-causal", "full, packed", "K 100", "long rows", "long rows, routed")
                .map(Cases::named)
                .toList();
        return Backend.allTargets().stream().flatMap(backend -> cases.stream()
                .flatMap(c -> STORAGE.stream().map(dtype -> arguments(backend, c, dtype))));
    }

    static Stream<Arguments> sampled() {
        List<Cases> cases = Stream.of(
                        "packed with empty and one-token sequences",
                        "chunked prefill",
                        "more queries than keys",
                        "H 8, G 2",
                        "per group",
                        "non-causal",
                        "sinks and local blocks",
                        "full, packed",
                        "1100 tokens, B 128")
                .map(Cases::named)
                .toList();
        return Backend.all().stream().flatMap(backend -> cases.stream()
                .flatMap(c -> STORAGE.stream().map(dtype -> arguments(backend, c, dtype))));
    }

    @Test
    void everyBackendOfThisPlatformIsAvailable() {
        assertThat(Engine.backends().stream().filter(BackendStatus::available).map(BackendStatus::name))
                .as("available backends, of %s", Engine.backends())
                .containsAll(Backend.all().stream().map(Backend::name).toList());
    }

    /** The emulated device, which has none otherwise, runs this suite once more with some: tests/pom.xml. */
    @Test
    void chosenTensorCoresServeWhatTheyCan() {
        if (!"ampere".equals(System.getenv("MOBA_CUDA_TENSOR_CORES"))) {
            return;
        }
        for (String name : List.of("700 tokens, B 64, D 128", "D 64, Dv 64")) {
            Problem problem = Cases.named(name).problem(DType.BF16);
            try (Call call = new Call(Backend.CUDA.engine(), problem, Layout.PACKED);
                    AttentionPlan plan = Backend.CUDA.engine().plan(call.spec())) {
                assertThat(plan.kernels()).startsWith("routing on tensor cores, attention on tensor cores");
            }
        }
    }

    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("grid")
    void attendComputesTheSpecifiedAttention(Backend backend, Cases c, DType dtype) {
        try (Call call = Call.attended(backend, c.problem(dtype))) {
            call.assertRight();
        }
    }

    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("extremes")
    void attendKeepsItsBoundsWithLargeScoresAndValuesOfAMean(Backend backend, Cases c, DType dtype) {
        for (double spread : new double[] {1, 20}) {
            try (Call call = Call.attended(backend, c.problem(dtype, spread, 3))) {
                call.assertRight();
            }
        }
    }

    /** All terms of a sum alike: every addition rounds the same way. */
    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("extremes")
    void attendKeepsItsBoundsWithConstantValues(Backend backend, Cases c, DType dtype) {
        Problem problem = c.problem(dtype, 1e-4, 0);
        float[] v = problem.v().clone();
        int channels = problem.kvHeads() * problem.headDimV();
        for (int i = 0; i < v.length; i++) {
            v[i] = 1 + (i % channels) / (float) channels;
        }
        try (Call call = Call.attended(backend, problem.withData(problem.q(), problem.k(), Rounding.round(dtype, v)))) {
            call.assertRight();
        }
    }

    @ParameterizedTest(name = "{0}, {1}, {2}, {3}")
    @MethodSource("layouts")
    void attendAcceptsTheLayoutAndWritesOnlyItsElements(Backend backend, Layout layout, Cases c, DType dtype) {
        try (Call call = Call.attended(backend.engine(), c.problem(dtype), layout)) {
            call.assertRight();
        }
    }

    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("sampled")
    void cuSeqlensMayBeI64(Backend backend, Cases c, DType dtype) {
        try (Call narrow = Call.attended(backend, c.problem(dtype));
                Call wide = new Call(backend.engine(), c.problem(dtype), Layout.PACKED, DType.I64)) {
            backend.engine()
                    .attend(wide.inputs(), wide.outputs(), c.problem(dtype).options());
            narrow.assertSameBits(wide);
        }
    }

    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("sampled")
    void routeSelectsWhatAttendSelects(Backend backend, Cases c, DType dtype) {
        Problem problem = c.problem(dtype);
        if (problem.options().full()) {
            return;
        }
        try (Call attended = Call.attended(backend, problem);
                Call routed = new Call(backend.engine(), problem, Layout.PACKED);
                AttentionPlan plan = backend.engine().plan(routed.spec())) {
            assertThat(plan.selectionWidth(routed.inputs())).isEqualTo(problem.selectionWidth());
            plan.route(routed.inputs(), routed.selected.tensor());
            assertThat(routed.selected.ints()).isEqualTo(attended.selected.ints());
            routed.selected.assertSurroundingsUntouched("selected");
            routed.assertInputsUnchanged();
            routed.o.assertUnchanged("o");
        }
    }

    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("sampled")
    void outputIsTheSameWhateverElseIsAskedFor(Backend backend, Cases c, DType dtype) {
        try (Call all = Call.attended(backend, c.problem(dtype));
                Call onlyO = new Call(backend.engine(), c.problem(dtype), Layout.PACKED);
                AttentionPlan plan = backend.engine().plan(onlyO.spec())) {
            plan.attend(onlyO.inputs(), AttentionOutputs.of(onlyO.o.tensor()));
            assertThat(onlyO.o.floats()).isEqualTo(all.o.floats());
            onlyO.lse.assertUnchanged("lse");
        }
    }

    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("sampled")
    void importedSelectionIsFollowedWhateverItIs(Backend backend, Cases c, DType dtype) {
        Problem problem = c.problem(dtype);
        Problem plain = problem.withOptions(AttentionOptions.selected(
                        problem.options().full() ? 8 : problem.options().blockSize())
                .withCausal(problem.options().causal()));
        Problem withRouting = problem.options().full() ? plain : problem;
        int[][] rows = randomRows(plain, new Random(7));
        int width = Arrays.stream(rows).mapToInt(row -> row.length).max().orElse(0) + 2;
        assertFollowed(backend, plain, Layout.PACKED, rows, width);
        assertFollowed(backend, withRouting, Layout.GAPS, rows, width);
    }

    private static void assertFollowed(Backend backend, Problem problem, Layout layout, int[][] rows, int width) {
        try (Call call = new Call(backend.engine(), problem, layout);
                AttentionPlan plan = backend.engine().plan(Call.spec(problem, width + 3))) {
            Placed selection = call.selection(rows, width);
            plan.attendSelected(
                    call.inputs(), selection.tensor(), AttentionOutputs.of(call.o.tensor(), call.lse.tensor()));
            call.assertAttention(rows);
            selection.assertUnchanged("imported selection");
        }
    }

    /** Any valid rows: with and without the own block, empty ones, differing by head. */
    private static int[][] randomRows(Problem problem, Random random) {
        int[][] rows = new int[problem.tokensQ() * problem.heads()][];
        for (int s = 0; s < problem.sequences(); s++) {
            for (int i = 0; i < problem.queryLengths()[s]; i++) {
                int position = problem.keyLengths()[s] - problem.queryLengths()[s] + i;
                int eligible = !problem.options().causal()
                        ? problem.blocks(s)
                        : position < 0 ? 0 : position / (int) problem.options().blockSize() + 1;
                for (int h = 0; h < problem.heads(); h++) {
                    int percent = random.nextInt(4) * 33;
                    rows[(problem.queryStart(s) + i) * problem.heads() + h] = IntStream.range(0, eligible)
                            .filter(j -> random.nextInt(100) < percent)
                            .toArray();
                }
            }
        }
        return rows;
    }

    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("sampled")
    void threadCountDoesNotChangeABit(Backend backend, Cases c, DType dtype) {
        try (Call two = Call.attended(backend, c.problem(dtype))) {
            for (int threads : new int[] {1, 3, 7}) {
                try (Engine engine = backend.open(threads);
                        Call call = Call.attended(engine, c.problem(dtype), Layout.PACKED)) {
                    two.assertSameBits(call);
                }
            }
        }
    }

    /** A neighbour that is longer, with more blocks to select and more keys to add up, changes nothing. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("neighbours")
    void sequenceKeepsItsBitsBesideALongerOne(AttentionOptions options) {
        Problem both = Problem.shape(DType.F32)
                .heads(2, 1)
                .dims(16, 16)
                .lengths(new int[] {200, 3, 70}, new int[] {200, 36_000, 1000})
                .options(options)
                .normal(12);
        for (Backend backend : Backend.all()) {
            try (Call together = Call.attended(backend, both)) {
                for (int s : new int[] {0, 2}) {
                    try (Call alone = Call.attended(backend, both.sequence(s))) {
                        int first = both.queryStart(s) * both.heads();
                        int last = first + both.queryLengths()[s] * both.heads();
                        assertThat(Arrays.copyOfRange(together.o.floats(), first * 16, last * 16))
                                .as("%s: o of sequence %d", backend, s)
                                .isEqualTo(alone.o.floats());
                        assertThat(Arrays.copyOfRange(together.lse.floats(), first, last))
                                .as("%s: lse of sequence %d", backend, s)
                                .isEqualTo(alone.lse.floats());
                    }
                }
            }
        }
    }

    static Stream<AttentionOptions> neighbours() {
        return Stream.of(
                AttentionOptions.fullAttention(),
                AttentionOptions.moba(4, 100),
                AttentionOptions.moba(4, 10_000),
                AttentionOptions.moba(64, 3));
    }

    @ParameterizedTest
    @EnumSource(Routing.class)
    void tiedScoresGoToTheLowerBlock(Routing routing) {
        Problem problem = Problem.shape(DType.F32)
                .heads(4, 2)
                .dims(3, 3)
                .lengths(97)
                .options(AttentionOptions.moba(4, 5).withRouting(routing))
                .integers(3);
        float[] sameKeys = new float[problem.k().length];
        for (int i = 0; i < sameKeys.length; i++) {
            sameKeys[i] = problem.k()[i % (8 * problem.kvHeads() * problem.headDim())];
        }
        Problem ties = problem.withData(problem.q(), sameKeys, problem.v());
        for (Backend backend : Backend.allTargets()) {
            try (Call call = Call.attended(backend, ties)) {
                assertThat(call.selectedRows()).as("%s", backend).isDeepEqualTo(Routes.select(ties));
            }
        }
    }

    @Test
    void minusZeroTiesWithZero() {
        Problem problem = Problem.shape(DType.F32)
                .lengths(64)
                .options(AttentionOptions.moba(4, 4).withCausal(false))
                .integers(3);
        for (int i = 0; i < problem.q().length; i++) {
            problem.q()[i] = i % 8 < 4 ? -0f : 0f;
        }
        for (Backend backend : Backend.allTargets()) {
            try (Call call = Call.attended(backend, problem)) {
                for (int[] row : call.selectedRows()) {
                    assertThat(row).as("%s", backend).containsExactly(0, 1, 2, 3);
                }
            }
        }
    }

    @Test
    void blocksWithoutANumberAsScoreAreChosenLastAndInOrder() {
        Problem problem = Problem.shape(DType.F32)
                .dims(4, 4)
                .lengths(64)
                .options(AttentionOptions.moba(4, 6))
                .normal(5);
        int[] nanBlocks = {0, 2, 3, 7, 8, 9, 12};
        for (int block : nanBlocks) {
            problem.k()[(block * 4 + 1) * 4 + 2] = Float.NaN;
        }
        for (Backend backend : Backend.allTargets()) {
            try (Call call = Call.attended(backend, problem)) {
                call.assertRight();
                assertThat(call.selectedRows()[45]).as("%s", backend).isEqualTo(Routes.select(problem)[45]);
                assertThat(call.selectedRows()[15])
                        .as("%s: too few numbers", backend)
                        .contains(0, 1, 2, 3);
            }
        }
    }
}
