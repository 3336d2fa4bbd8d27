package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.moba4j.oracle.Attention;
import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Routes;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Specification section 3: what is not a number reaches the rows that read it and no other. */
@Tag("cuda")
class NanContainmentTest {
    private static final int BLOCK = 8;
    private static final int BAD_TOKEN = 37;
    private static final int BAD_HEAD = 1;
    private static final int BAD_CHANNEL = 3;

    static Stream<Arguments> problems() {
        AttentionOptions moba = AttentionOptions.moba(BLOCK, 3);
        List<AttentionOptions> options = List.of(
                moba,
                moba.withCausal(false),
                moba.withRouting(Routing.PER_GROUP),
                AttentionOptions.fullAttention(),
                AttentionOptions.fullAttention().withCausal(false));
        return Backend.allTargets().stream()
                .flatMap(backend -> options.stream().flatMap(o -> Stream.of(DType.F32, DType.F16, DType.BF16)
                        .map(dtype -> arguments(
                                backend,
                                Problem.shape(dtype)
                                        .heads(4, 2)
                                        .dims(17, 20)
                                        .lengths(101, 20)
                                        .options(o)
                                        .normal(9)))));
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("problems")
    void keyReachesTheRowsThatReadIt(Backend backend, Problem clean) {
        Problem dirty = clean.withData(clean.q(), clean.k().clone(), clean.v());
        dirty.k()[(BAD_TOKEN * clean.kvHeads() + BAD_HEAD) * clean.headDim() + BAD_CHANNEL] = Float.NaN;
        assertContained(backend, clean, dirty, true);
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("problems")
    void valueReachesTheRowsThatReadItInItsChannel(Backend backend, Problem clean) {
        Problem dirty = clean.withData(clean.q(), clean.k(), clean.v().clone());
        dirty.v()[(BAD_TOKEN * clean.kvHeads() + BAD_HEAD) * clean.headDimV() + BAD_CHANNEL] = Float.NaN;
        assertContained(backend, clean, dirty, true);
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("problems")
    void infiniteValueReachesTheRowsThatReadItInItsChannel(Backend backend, Problem clean) {
        Problem dirty = clean.withData(clean.q(), clean.k(), clean.v().clone());
        dirty.v()[(BAD_TOKEN * clean.kvHeads() + BAD_HEAD) * clean.headDimV() + BAD_CHANNEL] = Float.NEGATIVE_INFINITY;
        assertContained(backend, clean, dirty, true);
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("problems")
    void infiniteKeyReachesNoRowThatDoesNotReadIt(Backend backend, Problem clean) {
        Problem dirty = clean.withData(clean.q(), clean.k().clone(), clean.v());
        dirty.k()[(BAD_TOKEN * clean.kvHeads() + BAD_HEAD) * clean.headDim() + BAD_CHANNEL] = Float.POSITIVE_INFINITY;
        assertContained(backend, clean, dirty, false);
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("problems")
    void queryReachesItsOwnRow(Backend backend, Problem clean) {
        Problem dirty = clean.withData(clean.q().clone(), clean.k(), clean.v());
        int row = BAD_TOKEN * clean.heads() + 2;
        dirty.q()[row * clean.headDim() + BAD_CHANNEL] = Float.NaN;
        int[][] rows = cleanRows(clean);
        try (Call before = attend(backend, clean, rows);
                Call after = attend(backend, dirty, rows)) {
            after.assertAttention(rows);
            assertRowsKeepTheirBits(
                    clean, before, after, IntStream.range(0, rowCount(clean)).filter(r -> r != row));
        }
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("problems")
    void routingKeepsNanOutOfRowsThatNeedNotTakeItsBlock(Backend backend, Problem clean) {
        Problem dirty = clean.withData(clean.q(), clean.k().clone(), clean.v().clone());
        for (int channel = 0; channel < clean.headDim(); channel++) {
            dirty.k()[(BAD_TOKEN * clean.kvHeads() + BAD_HEAD) * clean.headDim() + channel] = Float.NaN;
        }
        try (Call call = Call.attended(backend, dirty)) {
            call.assertRight();
        }
    }

    private static void assertContained(Backend backend, Problem clean, Problem dirty, boolean compareValues) {
        int[][] rows = cleanRows(clean);
        try (Call before = attend(backend, clean, rows);
                Call after = attend(backend, dirty, rows)) {
            if (compareValues) {
                after.assertAttention(rows);
            }
            int[] unaffected = IntStream.range(0, rowCount(clean))
                    .filter(row -> !reads(clean, rows, row))
                    .toArray();
            assertThat(unaffected).hasSizeBetween(rowCount(clean) / 8, rowCount(clean) - 1);
            assertRowsKeepTheirBits(clean, before, after, Arrays.stream(unaffected));
        }
    }

    /** Full attention, or attention to the oracle's selection of the clean problem. */
    private static Call attend(Backend backend, Problem problem, int[][] rows) {
        if (rows == null) {
            return Call.attended(backend, problem);
        }
        Call call = new Call(backend.engine(), problem, Layout.PACKED);
        int width = problem.selectionWidth();
        try (AttentionPlan plan = backend.engine().plan(Call.spec(problem, width))) {
            plan.attendSelected(
                    call.inputs(),
                    call.selection(rows, width).tensor(),
                    AttentionOutputs.of(call.o.tensor(), call.lse.tensor()));
        }
        return call;
    }

    private static int[][] cleanRows(Problem clean) {
        return clean.options().full() ? null : Routes.select(clean);
    }

    private static int rowCount(Problem problem) {
        return problem.tokensQ() * problem.heads();
    }

    private static boolean reads(Problem problem, int[][] rows, int row) {
        int token = row / problem.heads();
        int s = token < problem.queryLengths()[0] ? 0 : 1;
        int[] keys = Attention.visibleKeys(problem, s, token - problem.queryStart(s), rows == null ? null : rows[row]);
        return problem.kvHeadOf(row % problem.heads()) == BAD_HEAD
                && Arrays.stream(keys).anyMatch(key -> key == BAD_TOKEN);
    }

    private static void assertRowsKeepTheirBits(Problem problem, Call before, Call after, IntStream rows) {
        float[] o = before.o.floats();
        float[] dirtyO = after.o.floats();
        float[] lse = before.lse.floats();
        float[] dirtyLse = after.lse.floats();
        rows.forEach(row -> {
            int from = row * problem.headDimV();
            int to = from + problem.headDimV();
            assertThat(Arrays.mismatch(o, from, to, dirtyO, from, to))
                    .as("first changed channel of token %d, head %d", row / problem.heads(), row % problem.heads())
                    .isEqualTo(-1);
            assertThat(dirtyLse[row]).isEqualTo(lse[row]);
        });
    }
}
