package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.moba4j.oracle.Attention;
import dev.moba4j.oracle.Numerics;
import dev.moba4j.oracle.Problem;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** merge_states: attention over two sets of keys, combined by (o, lse), is attention over their union. */
@Tag("cuda")
class MergeStatesTest {
    private static final int HEADS = 4;
    private static final int CHANNELS = 19;

    private final Arena arena = Arena.ofShared();

    static Stream<Backend> backends() {
        return Backend.allTargets().stream();
    }

    @AfterEach
    void close() {
        arena.close();
    }

    @ParameterizedTest
    @MethodSource("backends")
    void twoHalvesOfTheKeysMergeIntoAllOfThem(Backend backend) {
        Problem whole = Problem.shape(DType.F32)
                .heads(HEADS, 2)
                .dims(16, CHANNELS)
                .lengths(new int[] {30}, new int[] {90})
                .options(AttentionOptions.fullAttention().withCausal(false))
                .normal(4);
        try (Call first = Call.attended(backend, keys(whole, 0, 37));
                Call second = Call.attended(backend, keys(whole, 37, 90))) {
            for (Layout layout : new Layout[] {Layout.PACKED, Layout.GAPS, Layout.HEAD_MAJOR}) {
                int[] lengths = {30};
                Placed o = Placed.output(backend.engine(), arena, layout, DType.F32, lengths, HEADS, CHANNELS);
                Placed lse = Placed.lse(backend.engine(), arena, layout, lengths, HEADS);
                backend.engine()
                        .mergeStates(
                                first.o.tensor(),
                                first.lse.tensor(),
                                second.o.tensor(),
                                second.lse.tensor(),
                                o.tensor(),
                                lse.tensor());
                assertMerged(whole, o, lse);
                first.o.assertSurroundingsUntouched("first o");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void batchedHalvesMerge(Backend backend) {
        Problem whole = Problem.shape(DType.F32)
                .heads(HEADS, 2)
                .dims(16, CHANNELS)
                .lengths(new int[] {9, 9}, new int[] {40, 40})
                .options(AttentionOptions.fullAttention().withCausal(false))
                .normal(4);
        Attention exact = Attention.exact(whole, null);
        try (Call call = Call.attended(backend.engine(), whole, Layout.BATCHED)) {
            Placed o = Placed.output(
                    backend.engine(), arena, Layout.BATCHED, DType.F32, new int[] {9, 9}, HEADS, CHANNELS);
            Placed lse = Placed.lse(backend.engine(), arena, Layout.BATCHED, new int[] {9, 9}, HEADS);
            Tensor a = call.o.tensor();
            Tensor b = call.lse.tensor();
            backend.engine().mergeStates(a, b, a, b, o.tensor(), lse.tensor());
            for (int i = 0; i < exact.lse().length; i++) {
                assertThat(lse.floats()[i] - Math.log(2)).isCloseTo(exact.lse()[i], within(1e-4));
            }
            Numerics.assertAttention(whole, null, o.floats(), null);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void sideWithoutKeysContributesNothing(Backend backend) {
        float[] values = new float[HEADS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = i - 30;
        }
        float inf = Float.NEGATIVE_INFINITY;
        Tensor o = Reach.floats(backend.engine(), arena, DType.F16, values, 1, HEADS, CHANNELS);
        Tensor nan = backend.engine()
                .allocatePinned(arena, DType.F16, 1, HEADS, CHANNELS)
                .fill(Double.NaN);
        Tensor lse = Reach.floats(backend.engine(), arena, DType.F32, new float[] {1, -2, 300, inf}, 1, HEADS);
        Tensor none =
                backend.engine().allocatePinned(arena, DType.F32, 1, HEADS).fill(inf);
        Tensor mergedO = backend.engine()
                .allocatePinned(arena, DType.F16, 1, HEADS, CHANNELS)
                .fill(7);
        Tensor mergedLse =
                backend.engine().allocatePinned(arena, DType.F32, 1, HEADS).fill(7);
        for (int turn = 0; turn < 2; turn++) {
            if (turn == 0) {
                merge(backend, o, lse, nan, none, mergedO, mergedLse);
            } else {
                merge(backend, nan, none, o, lse, mergedO, mergedLse);
            }
            assertThat(mergedLse.toFloats()).isEqualTo(lse.toFloats());
            float[] expected = values.clone();
            Arrays.fill(expected, 3 * CHANNELS, expected.length, 0);
            assertThat(mergedO.toFloats()).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void refusesShapesThatDisagreeAndOverlap(Backend backend) {
        Tensor o = backend.engine().allocatePinned(arena, DType.F32, 3, HEADS, CHANNELS);
        Tensor lse = backend.engine().allocatePinned(arena, DType.F32, 3, HEADS);
        Tensor out = backend.engine()
                .allocatePinned(arena, DType.F32, 3, HEADS, CHANNELS)
                .fill(7);
        Tensor outLse =
                backend.engine().allocatePinned(arena, DType.F32, 3, HEADS).fill(7);
        Tensor shorter = backend.engine().allocatePinned(arena, DType.F32, 2, HEADS, CHANNELS);
        Tensor half = backend.engine().allocatePinned(arena, DType.F16, 3, HEADS, CHANNELS);
        Tensor halfLse = backend.engine().allocatePinned(arena, DType.F16, 3, HEADS);
        assertRefused(() -> merge(backend, o, lse, shorter, lse, out, outLse), "oB", "2", "3");
        assertRefused(() -> merge(backend, o, lse, half, lse, out, outLse), "oB", "F16", "F32");
        assertRefused(() -> merge(backend, o, halfLse, o, lse, out, outLse), "lseA", "F16", "F32");
        assertRefused(() -> merge(backend, o, lse, o, lse, o, outLse), "memory");
        assertRefused(() -> merge(backend, o, lse, o, lse, out, lse), "memory");
        assertThat(out.toFloats()).containsOnly(7);
        assertThat(outLse.toFloats()).containsOnly(7);
    }

    private static void merge(Backend backend, Tensor oA, Tensor lseA, Tensor oB, Tensor lseB, Tensor o, Tensor lse) {
        Engine engine = backend.engine();
        engine.mergeStates(
                Reach.of(engine, oA),
                Reach.of(engine, lseA),
                Reach.of(engine, oB),
                Reach.of(engine, lseB),
                Reach.of(engine, o),
                Reach.of(engine, lse));
    }

    private static void assertRefused(ThrowingCallable call, String... parts) {
        assertThatIllegalArgumentException().isThrownBy(call).satisfies(e -> Sentences.assertSentence(e, parts));
    }

    private static void assertMerged(Problem whole, Placed o, Placed lse) {
        Attention exact = Attention.exact(whole, null);
        double bound = 3 * Numerics.outputBound(whole, null, exact);
        for (int i = 0; i < exact.o().length; i++) {
            assertThat((double) o.floats()[i]).isCloseTo(exact.o()[i], within(bound));
        }
        Numerics.assertLse(whole, exact.lse(), lse.floats());
        o.assertSurroundingsUntouched("merged o");
        lse.assertSurroundingsUntouched("merged lse");
    }

    private static Offset<Double> within(double bound) {
        return Offset.offset(bound);
    }

    /** The problem with keys {@code from} to {@code to - 1} alone. */
    private static Problem keys(Problem whole, int from, int to) {
        int key = whole.kvHeads() * whole.headDim();
        int value = whole.kvHeads() * whole.headDimV();
        return new Problem(
                whole.dtype(),
                whole.heads(),
                whole.kvHeads(),
                whole.headDim(),
                whole.headDimV(),
                whole.queryLengths(),
                new int[] {to - from},
                whole.options(),
                whole.q(),
                Arrays.copyOfRange(whole.k(), from * key, to * key),
                Arrays.copyOfRange(whole.v(), from * value, to * value));
    }
}
