package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Specification section 7 as a table: one wrong thing at a time in a call that is right otherwise, and what the sentence
 * must name. Afterwards no byte of any tensor has changed.
 */
@Tag("cuda")
class BadInputTest {
    private static final int HEADS = 4;
    private static final int KV_HEADS = 2;
    private static final int DIM = 8;
    private static final int DIM_V = 6;
    private static final int TOKENS_Q = 20;
    private static final int TOKENS_K = 24;
    private static final int BLOCK = 4;
    private static final int TOP_K = 3;

    /** A call of two sequences, (8, 12) queries and (12, 12) keys, that is right until a row of the table changes it. */
    private static final class Fixture implements AutoCloseable {
        final Engine engine;
        final Arena arena = Arena.ofShared();
        final List<MemorySegment> memory = new ArrayList<>();
        AttentionOptions options = AttentionOptions.moba(BLOCK, TOP_K);
        long maxTokensQ = TOKENS_Q;
        long maxTokensK = TOKENS_K;
        long maxSequences = 2;
        long maxSelected = TOP_K;
        Tensor q;
        Tensor k;
        Tensor v;
        Tensor cuSeqlensQ;
        Tensor cuSeqlensK;
        Tensor o;
        Tensor lse;
        Tensor selected;

        Fixture(Backend backend) {
            engine = backend.engine();
            q = tensor(DType.F32, TOKENS_Q, HEADS, DIM);
            k = tensor(DType.F32, TOKENS_K, KV_HEADS, DIM);
            v = tensor(DType.F32, TOKENS_K, KV_HEADS, DIM_V);
            cuSeqlensQ = ints(0, 8, 20);
            cuSeqlensK = ints(0, 12, 24);
            o = tensor(DType.F32, TOKENS_Q, HEADS, DIM_V);
            lse = tensor(DType.F32, TOKENS_Q, HEADS);
            selected = tensor(DType.I32, TOKENS_Q, HEADS, TOP_K);
            q.fill(0.5);
            k.fill(0.25);
            v.fill(1);
        }

        Tensor tensor(DType dtype, long... shape) {
            Tensor tensor = engine.allocatePinned(arena, dtype, shape);
            memory.add(tensor.segment());
            return tensor;
        }

        Tensor ints(int... values) {
            Tensor tensor = Tensor.ofInts(arena, values, values.length);
            memory.add(tensor.segment());
            return tensor;
        }

        Tensor strided(DType dtype, long[] shape, long... strides) {
            long elements = 1;
            for (int axis = 0; axis < shape.length; axis++) {
                elements += (shape[axis] - 1) * strides[axis];
            }
            MemorySegment segment = Reach.memory(engine, arena, elements * dtype.byteSize());
            memory.add(segment);
            return Tensor.wrap(segment, dtype, shape, strides);
        }

        /** Makes {@code selected} a valid selection to import: the first block alone. */
        Fixture selectFirstBlock() {
            selected.fill(-1);
            selected.slice(2, 0, 1).fill(0);
            return this;
        }

        AttentionInputs inputs() {
            return Reach.of(engine, new AttentionInputs(q, k, v, cuSeqlensQ, cuSeqlensK));
        }

        AttentionOutputs outputs() {
            return Reach.of(engine, AttentionOutputs.of(o, lse, selected));
        }

        /** Where the selection is an input. */
        AttentionOutputs outputsButSelected() {
            return Reach.of(engine, AttentionOutputs.of(o, lse));
        }

        Tensor selected() {
            return Reach.of(engine, selected);
        }

        AttentionPlan plan() {
            return engine.plan(new PlanSpec(
                    DType.F32,
                    HEADS,
                    KV_HEADS,
                    DIM,
                    DIM_V,
                    maxTokensQ,
                    maxTokensK,
                    maxSequences,
                    maxSelected,
                    options));
        }

        List<byte[]> snapshot() {
            return memory.stream().map(s -> s.toArray(ValueLayout.JAVA_BYTE)).toList();
        }

        @Override
        public void close() {
            arena.close();
        }
    }

    private record Row(String name, Consumer<Fixture> change, String... parts) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Arguments> attendRows() {
        return onEveryBackend(Stream.of(
                        missingTensors(),
                        dtypes(),
                        ranks(),
                        shapes(),
                        strides(),
                        overlaps(),
                        cuSeqlens(),
                        batches(),
                        plans())
                .flatMap(List::stream));
    }

    static Stream<Arguments> engineRows() {
        return onEveryBackend(
                Stream.of(missingTensors(), ranks(), strides(), overlaps()).flatMap(List::stream));
    }

    static Stream<Arguments> routeRows() {
        return onEveryBackend(Stream.of(
                new Row("q null", f -> f.q = null, "q is null", "expected"),
                new Row("k null", f -> f.k = null, "k is null", "expected"),
                new Row("selected null", f -> f.selected = null, "selected is null", "expected"),
                new Row("full attention", f -> f.options = AttentionOptions.fullAttention(), "full", "true", "false"),
                new Row("K 0", f -> f.options = AttentionOptions.selected(BLOCK), "topK", "0", "at least 1"),
                new Row("too narrow", f -> f.selected = f.selected.slice(2, 0, 2), "selected.dim(2)", "2", "3"),
                new Row("I64", f -> f.selected = f.tensor(DType.I64, TOKENS_Q, HEADS, TOP_K), "selected", "I64", "I32"),
                new Row("tokens", f -> f.selected = f.selected.slice(0, 0, 19), "selected.dim(0)", "19", "20"),
                new Row("read-only", f -> f.selected = readOnly(f.selected), "selected", "read-only", "writable"),
                new Row(
                        "in the memory of k",
                        f -> f.selected = Tensor.wrap(f.k.segment(), DType.I32, TOKENS_Q, HEADS, TOP_K),
                        "selected",
                        "memory",
                        "k"),
                new Row("cuSeqlensQ descends", f -> f.cuSeqlensQ = f.ints(0, 21, 20), "cuSeqlensQ[2]", "20", "21")));
    }

    static Stream<Arguments> selectionRows() {
        Stream<Arguments> elements = backends()
                .filter(backend -> !backend.equals(Backend.CUDA))
                .flatMap(backend -> selectionElements().stream().map(row -> arguments(backend, row)));
        return Stream.concat(onEveryBackend(selectionShapes()), elements);
    }

    static Stream<Row> selectionElementsOnADevice() {
        return Backend.cudaAlone() ? selectionElements().stream() : Stream.empty();
    }

    private static Stream<Row> selectionShapes() {
        return Stream.of(
                new Row("null", f -> f.selected = null, "selected is null", "expected"),
                new Row("wider than the plan", f -> f.maxSelected = 2, "selected.dim(2)", "3", "2"),
                new Row("no plan for selections", f -> f.maxSelected = 0, "selected.dim(2)", "3", "0"),
                new Row("width 0", f -> f.selected = f.selected.slice(2, 0, 0), "selected.dim(2)", "0", "1 to 3"),
                new Row("I64", f -> f.selected = f.tensor(DType.I64, TOKENS_Q, HEADS, TOP_K), "selected", "I64", "I32"),
                new Row("F32", f -> f.selected = f.tensor(DType.F32, TOKENS_Q, HEADS, TOP_K), "selected", "F32", "I32"),
                new Row("rank", f -> f.selected = f.selected.select(1, 0), "selected.rank()", "2", "3"),
                new Row("heads", f -> f.selected = f.selected.slice(1, 0, 2), "selected.dim(1)", "2", "4"),
                new Row("tokens", f -> f.selected = f.selected.slice(0, 0, 3), "selected.dim(0)", "3", "20"),
                new Row("full attention", f -> f.options = AttentionOptions.fullAttention(), "full", "true", "false"),
                new Row(
                        "output over the selection",
                        f -> f.lse = Tensor.wrap(f.selected.segment(), DType.F32, TOKENS_Q, HEADS),
                        "lse",
                        "memory",
                        "selected"),
                new Row("v null", f -> f.v = null, "v is null", "expected"));
    }

    /** What is wrong stands in the elements, each time in one row of them. */
    private static List<Row> selectionElements() {
        return List.of(
                new Row("descending", f -> write(f.selected, 19, 3, 2, 1, -1), "selected[19, 3, 1]", "1", "above 2"),
                new Row("duplicate", f -> write(f.selected, 19, 0, 0, 1, 1), "selected[19, 0, 2]", "1", "above 1"),
                new Row(
                        "outside the sequence",
                        f -> write(f.selected, 19, 3, 0, 3, -1),
                        "selected[19, 3, 1]",
                        "3",
                        "2"),
                new Row("after the own block", f -> write(f.selected, 8, 1, 0, 1, -1), "selected[8, 1, 1]", "1", "0"),
                new Row(
                        "outside a sequence that is not causal",
                        f -> {
                            f.options = f.options.withCausal(false);
                            write(f.selected, 8, 1, 0, 3, -1);
                        },
                        "selected[8, 1, 1]",
                        "3",
                        "2"),
                new Row("largest index", f -> write(f.selected, 0, 0, 0, Integer.MAX_VALUE, -1), "2147483647"),
                new Row("-1 in the middle", f -> write(f.selected, 19, 2, 0, -1, 2), "selected[19, 2, 2]", "2", "-1"),
                new Row("-1 first", f -> write(f.selected, 19, 2, -1, 0, 1), "selected[19, 2, 1]", "0", "-1"),
                new Row("below -1", f -> write(f.selected, 19, 2, 0, -2, -1), "selected[19, 2, 1]", "-2", "-1"),
                new Row("smallest index", f -> write(f.selected, 19, 2, Integer.MIN_VALUE, -1, -1), "-2147483648"));
    }

    private static List<Row> missingTensors() {
        return List.of(
                new Row("q null", f -> f.q = null, "q is null", "expected"),
                new Row("k null", f -> f.k = null, "k is null", "expected"),
                new Row("v null", f -> f.v = null, "v is null", "expected"),
                new Row("o null", f -> f.o = null, "o is null", "expected"));
    }

    private static List<Row> dtypes() {
        return List.of(
                new Row("q I32", f -> f.q = f.tensor(DType.I32, TOKENS_Q, HEADS, DIM), "q.dtype()", "I32", "F32"),
                new Row("q F16", f -> f.q = f.tensor(DType.F16, TOKENS_Q, HEADS, DIM), "q.dtype()", "F16", "F32"),
                new Row("k BF16", f -> f.k = f.tensor(DType.BF16, TOKENS_K, KV_HEADS, DIM), "k.dtype()", "BF16", "F32"),
                new Row("v F16", f -> f.v = f.tensor(DType.F16, TOKENS_K, KV_HEADS, DIM_V), "v.dtype()", "F16", "F32"),
                new Row("o BF16", f -> f.o = f.tensor(DType.BF16, TOKENS_Q, HEADS, DIM_V), "o.dtype()", "BF16", "F32"),
                new Row("lse F16", f -> f.lse = f.tensor(DType.F16, TOKENS_Q, HEADS), "lse.dtype()", "F16", "F32"),
                new Row(
                        "selected I64",
                        f -> f.selected = f.tensor(DType.I64, TOKENS_Q, HEADS, TOP_K),
                        "selected.dtype()",
                        "I64",
                        "I32"),
                new Row(
                        "cuSeqlensQ F32",
                        f -> f.cuSeqlensQ = f.tensor(DType.F32, 3),
                        "cuSeqlensQ.dtype()",
                        "F32",
                        "I32 or I64"));
    }

    private static List<Row> ranks() {
        return List.of(
                new Row("q rank 2", f -> f.q = f.q.reshape(80, 8), "q.rank()", "2", "3"),
                new Row("q rank 1", f -> f.q = f.q.reshape(640), "q.rank()", "1", "3"),
                new Row("k rank 4", f -> f.k = f.k.reshape(1, TOKENS_K, KV_HEADS, DIM), "k.rank()", "4", "3"),
                new Row("v rank 2", f -> f.v = f.v.reshape(48, DIM_V), "v.rank()", "2", "3"),
                new Row("o rank 4", f -> f.o = f.o.reshape(1, TOKENS_Q, HEADS, DIM_V), "o.rank()", "4", "3"),
                new Row("lse rank 3", f -> f.lse = f.lse.reshape(TOKENS_Q, HEADS, 1), "lse.rank()", "3", "2"),
                new Row("selected rank 2", f -> f.selected = f.selected.select(1, 0), "selected.rank()", "2", "3"),
                new Row(
                        "cuSeqlensK rank 2",
                        f -> f.cuSeqlensK = f.cuSeqlensK.reshape(3, 1),
                        "cuSeqlensK.rank()",
                        "2",
                        "1"));
    }

    private static List<Row> shapes() {
        return List.of(
                new Row("q heads", f -> f.q = f.q.slice(1, 0, 3), "q.dim(1)", "heads", "3", "4"),
                new Row("q channels", f -> f.q = f.q.slice(2, 0, 7), "q.dim(2)", "7", "8"),
                new Row("k heads", f -> f.k = f.k.slice(1, 0, 1), "k.dim(1)", "1", "2"),
                new Row("k channels", f -> f.k = f.tensor(DType.F32, TOKENS_K, KV_HEADS, 9), "k.dim(2)", "9", "8"),
                new Row("v tokens", f -> f.v = f.v.slice(0, 0, 23), "v.dim(0)", "23", "24"),
                new Row("v heads", f -> f.v = f.tensor(DType.F32, TOKENS_K, 3, DIM_V), "v.dim(1)", "3", "2"),
                new Row("v channels", f -> f.v = f.v.slice(2, 0, 5), "v.dim(2)", "5", "6"),
                new Row("o tokens", f -> f.o = f.tensor(DType.F32, 21, HEADS, DIM_V), "o.dim(0)", "21", "20"),
                new Row("o heads", f -> f.o = f.o.slice(1, 0, 2), "o.dim(1)", "2", "4"),
                new Row("o channels", f -> f.o = f.tensor(DType.F32, TOKENS_Q, HEADS, DIM), "o.dim(2)", "8", "6"),
                new Row("o empty", f -> f.o = f.o.slice(0, 0, 0), "o.dim(0)", "0", "20"),
                new Row("lse tokens", f -> f.lse = f.lse.slice(0, 0, 19), "lse.dim(0)", "19", "20"),
                new Row("lse heads", f -> f.lse = f.lse.slice(1, 0, 2), "lse.dim(1)", "2", "4"),
                new Row("selected tokens", f -> f.selected = f.selected.slice(0, 1, 20), "selected.dim(0)", "19", "20"),
                new Row("selected heads", f -> f.selected = f.selected.slice(1, 1, 3), "selected.dim(1)", "2", "4"),
                new Row("selected narrow", f -> f.selected = f.selected.slice(2, 0, 2), "selected.dim(2)", "2", "3"),
                new Row(
                        "selected wide",
                        f -> f.selected = f.tensor(DType.I32, TOKENS_Q, HEADS, 4),
                        "selected.dim(2)",
                        "4",
                        "3"),
                new Row(
                        "selection of full attention",
                        f -> f.options = AttentionOptions.fullAttention(),
                        "full",
                        "true",
                        "no selection"),
                new Row(
                        "attend without K",
                        f -> f.options = AttentionOptions.selected(BLOCK),
                        "topK",
                        "0",
                        "at least 1"));
    }

    private static List<Row> strides() {
        long[] shapeO = {TOKENS_Q, HEADS, DIM_V};
        return List.of(
                new Row(
                        "q channels apart",
                        f -> f.q = f.strided(DType.F32, new long[] {TOKENS_Q, HEADS, DIM}, 64, 16, 2),
                        "q.stride(2)",
                        "2",
                        "1"),
                new Row(
                        "v channels apart",
                        f -> f.v =
                                f.tensor(DType.F32, TOKENS_K, DIM_V, KV_HEADS).permute(0, 2, 1),
                        "v.stride(2)",
                        "2",
                        "1"),
                new Row(
                        "o channels apart",
                        f -> f.o = f.strided(DType.F32, shapeO, 64, 12, 2),
                        "o.stride(2)",
                        "2",
                        "1"),
                new Row(
                        "o heads at one place",
                        f -> f.o = f.strided(DType.F32, shapeO, 24, 0, 1),
                        "o.strides()",
                        "[24, 0, 1]"),
                new Row(
                        "o tokens at one place",
                        f -> f.o = f.strided(DType.F32, shapeO, 0, 6, 1),
                        "o.strides()",
                        "[0, 6, 1]"),
                new Row(
                        "o tokens too close",
                        f -> f.o = f.strided(DType.F32, shapeO, 23, 6, 1),
                        "o.strides()",
                        "[23, 6, 1]"),
                new Row(
                        "o heads too close",
                        f -> f.o = f.strided(DType.F32, shapeO, 24, 5, 1),
                        "o.strides()",
                        "[24, 5, 1]"),
                new Row(
                        "lse heads at one place",
                        f -> f.lse = f.strided(DType.F32, new long[] {TOKENS_Q, HEADS}, 4, 0),
                        "lse.strides()",
                        "[4, 0]"),
                new Row(
                        "selected tokens too close",
                        f -> f.selected = f.strided(DType.I32, new long[] {TOKENS_Q, HEADS, TOP_K}, 11, 3, 1),
                        "selected.strides()",
                        "[11, 3, 1]"),
                new Row(
                        "cuSeqlensQ apart",
                        f -> f.cuSeqlensQ = f.strided(DType.I32, new long[] {3}, 2),
                        "cuSeqlensQ.stride(0)",
                        "2",
                        "1"),
                new Row("o read-only", f -> f.o = readOnly(f.o), "o", "read-only", "writable"),
                new Row("lse read-only", f -> f.lse = readOnly(f.lse), "lse", "read-only", "writable"),
                new Row(
                        "selected read-only",
                        f -> f.selected = readOnly(f.selected),
                        "selected",
                        "read-only",
                        "writable"));
    }

    private static List<Row> overlaps() {
        return List.of(
                new Row("o is q", f -> f.o = over(f.q, DIM_V), "o", "memory", "q"),
                new Row(
                        "o over the end of v",
                        f -> f.o =
                                Tensor.wrap(tail(f, f.v, TOKENS_Q * HEADS * DIM_V), DType.F32, TOKENS_Q, HEADS, DIM_V),
                        "o",
                        "memory",
                        "v"),
                new Row(
                        "o in k",
                        f -> {
                            f.k = f.tensor(DType.F32, TOKENS_K, 10, DIM).slice(1, 0, KV_HEADS);
                            f.o = Tensor.wrap(
                                    f.memory.getLast().asSlice(8),
                                    DType.F32,
                                    new long[] {TOKENS_Q, HEADS, DIM_V},
                                    new long[] {80, 12, 1});
                        },
                        "o",
                        "memory",
                        "k"),
                new Row(
                        "lse in o",
                        f -> f.lse = Tensor.wrap(f.o.segment(), DType.F32, TOKENS_Q, HEADS),
                        "o",
                        "lse",
                        "memory"),
                new Row(
                        "selected in lse",
                        f -> {
                            f.selected = Tensor.wrap(
                                    tail(f, f.lse, TOKENS_Q * HEADS * TOP_K), DType.I32, TOKENS_Q, HEADS, TOP_K);
                        },
                        "lse",
                        "selected",
                        "memory"),
                new Row(
                        "lse over cuSeqlensK",
                        f -> {
                            MemorySegment shared =
                                    f.tensor(DType.I32, TOKENS_Q * HEADS).segment();
                            f.cuSeqlensK = Tensor.wrap(shared.asSlice(8), DType.I32, 3);
                            f.cuSeqlensK.setLong(12, 1);
                            f.cuSeqlensK.setLong(24, 2);
                            f.lse = Tensor.wrap(shared, DType.F32, TOKENS_Q, HEADS);
                        },
                        "lse",
                        "cuSeqlensK",
                        "memory"));
    }

    private static List<Row> cuSeqlens() {
        return List.of(
                new Row("cuSeqlensQ descends", f -> f.cuSeqlensQ = f.ints(0, 21, 20), "cuSeqlensQ[2]", "20", "21"),
                new Row("cuSeqlensK descends", f -> f.cuSeqlensK = f.ints(0, 25, 24), "cuSeqlensK[2]", "24", "25"),
                new Row("cuSeqlensQ negative", f -> f.cuSeqlensQ = f.ints(0, -3, 20), "cuSeqlensQ[1]", "-3"),
                new Row(
                        "cuSeqlensQ does not begin at 0",
                        f -> f.cuSeqlensQ = f.ints(1, 8, 20),
                        "cuSeqlensQ[0]",
                        "1",
                        "0"),
                new Row("cuSeqlensQ ends early", f -> f.cuSeqlensQ = f.ints(0, 8, 19), "cuSeqlensQ[2]", "19", "20"),
                new Row("cuSeqlensK ends late", f -> f.cuSeqlensK = f.ints(0, 8, 25), "cuSeqlensK[2]", "25", "24"),
                new Row("cuSeqlensQ empty", f -> f.cuSeqlensQ = f.tensor(DType.I32, 0), "cuSeqlensQ.dim(0)", "0", "2"),
                new Row("cuSeqlensQ of one", f -> f.cuSeqlensQ = f.ints(0), "cuSeqlensQ.dim(0)", "1", "2"),
                new Row("of two lengths", f -> f.cuSeqlensK = f.ints(0, 24), "cuSeqlensK.dim(0)", "2", "3"),
                new Row(
                        "more sequences than the plan",
                        f -> {
                            f.cuSeqlensQ = f.ints(0, 8, 8, 20);
                            f.cuSeqlensK = f.ints(0, 8, 8, 24);
                        },
                        "cuSeqlensQ",
                        "3",
                        "2"),
                new Row("one for both but totals differ", f -> f.cuSeqlensK = null, "cuSeqlensK is null", "20", "24"),
                new Row("one for both but totals differ", f -> f.cuSeqlensQ = null, "cuSeqlensQ is null", "20", "24"),
                new Row(
                        "I64 beyond 32 bits",
                        f -> {
                            f.cuSeqlensQ = f.tensor(DType.I64, 3);
                            f.cuSeqlensQ.setLong((1L << 32) + 8, 1);
                            f.cuSeqlensQ.setLong(20, 2);
                        },
                        "cuSeqlensQ[2]",
                        "20",
                        "4294967304"));
    }

    private static List<Row> batches() {
        return List.of(
                new Row(
                        "cuSeqlens beside a batch axis",
                        f -> {
                            f.q = f.q.reshape(2, 10, HEADS, DIM);
                            f.k = f.k.reshape(2, 12, KV_HEADS, DIM);
                            f.v = f.v.reshape(2, 12, KV_HEADS, DIM_V);
                            f.o = f.o.reshape(2, 10, HEADS, DIM_V);
                            f.lse = f.lse.reshape(2, 10, HEADS);
                            f.selected = f.selected.reshape(2, 10, HEADS, TOP_K);
                        },
                        "cuSeqlensQ",
                        "null",
                        "batch"),
                new Row(
                        "batches differ",
                        f -> {
                            f.cuSeqlensQ = null;
                            f.cuSeqlensK = null;
                            f.q = f.q.reshape(2, 10, HEADS, DIM);
                            f.k = f.k.reshape(3, 8, KV_HEADS, DIM);
                        },
                        "k.dim(0)",
                        "batch",
                        "3",
                        "2"),
                new Row(
                        "batch larger than the plan",
                        f -> {
                            f.cuSeqlensQ = null;
                            f.cuSeqlensK = null;
                            f.q = f.q.reshape(4, 5, HEADS, DIM);
                            f.k = f.k.reshape(4, 6, KV_HEADS, DIM);
                            f.v = f.v.reshape(4, 6, KV_HEADS, DIM_V);
                            f.o = f.o.reshape(4, 5, HEADS, DIM_V);
                            f.lse = f.lse.reshape(4, 5, HEADS);
                            f.selected = f.selected.reshape(4, 5, HEADS, TOP_K);
                        },
                        "batch",
                        "4",
                        "2"));
    }

    private static List<Row> plans() {
        return List.of(
                new Row("more queries than the plan", f -> f.maxTokensQ = 19, "q", "20", "19"),
                new Row("more keys than the plan", f -> f.maxTokensK = 23, "k", "24", "23"),
                new Row("more sequences than the plan", f -> f.maxSequences = 1, "cuSeqlensQ", "2", "1"),
                new Row(
                        "far more queries than memory",
                        f -> f.q = Tensor.wrap(
                                f.q.segment(), DType.F32, new long[] {1L << 50, HEADS, DIM}, new long[] {0, DIM, 1}),
                        "q",
                        "1125899906842624",
                        "20"));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("attendRows")
    void attendRefuses(Backend backend, Row row) {
        assertRefused(row, new Fixture(backend), (plan, f) -> plan.attend(f.inputs(), f.outputs()));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("routeRows")
    void routeRefuses(Backend backend, Row row) {
        assertRefused(row, new Fixture(backend), (plan, f) -> plan.route(f.inputs(), f.selected()));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("selectionRows")
    void attendSelectedRefuses(Backend backend, Row row) {
        assertRefused(
                row,
                new Fixture(backend).selectFirstBlock(),
                (plan, f) -> plan.attendSelected(f.inputs(), f.selected(), f.outputsButSelected()));
    }

    /** There the processor does not look at elements. */
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("selectionElementsOnADevice")
    void deviceGivesNanToTheRowThatBreaksTheRules(Row row) {
        try (Fixture f = new Fixture(Backend.CUDA).selectFirstBlock()) {
            row.change.accept(f);
            try (AttentionPlan plan = f.plan()) {
                plan.attendSelected(f.inputs(), f.selected(), f.outputsButSelected());
            }
            int rows = 0;
            for (int i = 0; i < TOKENS_Q * HEADS; i++) {
                boolean nan = Float.isNaN(f.lse.getFloat(i / HEADS, i % HEADS));
                rows += nan ? 1 : 0;
                for (int channel = 0; channel < DIM_V; channel++) {
                    assertThat(f.o.getFloat(i / HEADS, i % HEADS, channel))
                            .isEqualTo(Float.valueOf(nan ? Float.NaN : 1));
                }
            }
            assertThat(rows).isEqualTo(1);
        }
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("engineRows")
    void engineRefusesInTheSameWords(Backend backend, Row row) {
        try (Fixture f = new Fixture(backend)) {
            row.change.accept(f);
            List<byte[]> before = f.snapshot();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> f.engine.attend(f.inputs(), f.outputs(), f.options))
                    .satisfies(e -> Sentences.assertSentence(e, row.parts));
            assertThat(f.snapshot()).usingElementComparator(Arrays::compare).isEqualTo(before);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void engineRefusesAMissingSelection(Backend backend) {
        try (Fixture f = new Fixture(backend)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> f.engine.attendSelected(f.inputs(), null, f.outputsButSelected(), f.options))
                    .satisfies(e -> Sentences.assertSentence(e, "selected is null"));
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void fixtureIsRightAsItIs(Backend backend) {
        try (Fixture f = new Fixture(backend);
                AttentionPlan plan = f.plan()) {
            plan.attend(f.inputs(), f.outputs());
            assertThat(f.o.toFloats()).containsOnly(1);
            plan.route(f.inputs(), f.selected());
            f.selectFirstBlock();
            plan.attendSelected(f.inputs(), f.selected(), f.outputsButSelected());
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void interleavedViewsOfOneBufferAreNoOverlap(Backend backend) {
        try (Fixture f = new Fixture(backend);
                AttentionPlan plan = f.plan()) {
            Tensor fused = f.tensor(DType.F32, TOKENS_Q, HEADS * (DIM + DIM_V)).fill(0.5);
            MemorySegment memory = fused.segment();
            long[] strides = {HEADS * (DIM + DIM_V), DIM, 1};
            f.q = Tensor.wrap(memory, DType.F32, new long[] {TOKENS_Q, HEADS, DIM}, strides);
            strides[1] = DIM_V;
            f.o = Tensor.wrap(memory.asSlice(HEADS * DIM * 4), DType.F32, new long[] {TOKENS_Q, HEADS, DIM_V}, strides);
            plan.attend(f.inputs(), f.outputs());
            assertThat(f.o.toFloats()).containsOnly(1);
            assertThat(f.q.toFloats()).containsOnly(0.5f);
        }
    }

    static Stream<Backend> backends() {
        return Backend.all().stream();
    }

    private interface Operation {
        void run(AttentionPlan plan, Fixture fixture);
    }

    private static void assertRefused(Row row, Fixture fixture, Operation operation) {
        try (fixture) {
            row.change.accept(fixture);
            List<byte[]> before = fixture.snapshot();
            try (AttentionPlan plan = fixture.plan()) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> operation.run(plan, fixture))
                        .satisfies(e -> Sentences.assertSentence(e, row.parts));
            }
            assertThat(fixture.snapshot())
                    .as("memory of every tensor")
                    .usingElementComparator(Arrays::compare)
                    .isEqualTo(before);
        }
    }

    private static Stream<Arguments> onEveryBackend(Stream<Row> rows) {
        List<Row> all = rows.toList();
        return backends().flatMap(backend -> all.stream().map(row -> arguments(backend, row)));
    }

    private static Tensor readOnly(Tensor tensor) {
        return Tensor.wrap(tensor.segment().asReadOnly(), tensor.dtype(), tensor.shape());
    }

    /** An output in the memory of {@code q}. */
    private static Tensor over(Tensor q, int channels) {
        return Tensor.wrap(q.segment(), DType.F32, TOKENS_Q, HEADS, channels);
    }

    /** Moves {@code tensor}, v or lse, into a larger buffer; returns memory that begins at its last element. */
    private static MemorySegment tail(Fixture f, Tensor tensor, long elements) {
        long count = tensor.elementCount();
        MemorySegment buffer = f.tensor(DType.F32, count + elements).segment();
        Tensor moved = Tensor.wrap(buffer.asSlice(0, count * 4), DType.F32, tensor.shape());
        if (tensor == f.v) {
            f.v = moved;
        } else {
            f.lse = moved;
        }
        return buffer.asSlice((count - 1) * 4);
    }

    private static void write(Tensor selected, long token, long head, int... blocks) {
        for (int i = 0; i < blocks.length; i++) {
            selected.setLong(blocks[i], token, head, i);
        }
    }
}
