package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.oracle.Numerics;
import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Routes;
import java.lang.foreign.Arena;

/** One problem laid out in memory, run on a backend, and checked: values, surroundings of outputs, inputs. */
final class Call implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final Engine engine;
    private final Problem problem;
    private final Layout layout;
    private final Placed q;
    private final Placed k;
    private final Placed v;
    private final AttentionInputs inputs;

    final Placed o;
    final Placed lse;
    /** Absent for full attention. */
    final Placed selected;

    /** A call in memory that the engine's device reaches. */
    Call(Engine engine, Problem problem, Layout layout) {
        this(engine, problem, layout, DType.I32);
    }

    Call(Engine engine, Problem problem, Layout layout, DType cuSeqlens) {
        this.engine = engine;
        this.problem = problem;
        this.layout = layout;
        int[] lq = problem.queryLengths();
        int[] lk = problem.keyLengths();
        DType dtype = problem.dtype();
        q = Placed.input(engine, arena, layout, dtype, lq, problem.heads(), problem.headDim(), problem.q());
        k = Placed.input(engine, arena, layout, dtype, lk, problem.kvHeads(), problem.headDim(), problem.k());
        v = Placed.input(engine, arena, layout, dtype, lk, problem.kvHeads(), problem.headDimV(), problem.v());
        AttentionInputs tensors = AttentionInputs.of(q.tensor(), k.tensor(), v.tensor());
        boolean oneSequence = layout.batched() || problem.sequences() == 1;
        inputs = oneSequence
                ? tensors
                : tensors.withCuSeqlens(
                        indices(cuSeqlens, problem.cuSeqlensQ()), indices(cuSeqlens, problem.cuSeqlensK()));
        o = Placed.output(engine, arena, layout, dtype, lq, problem.heads(), problem.headDimV());
        lse = Placed.lse(engine, arena, layout, lq, problem.heads());
        selected = problem.options().topK() == 0
                ? null
                : Placed.output(engine, arena, layout, DType.I32, lq, problem.heads(), problem.selectionWidth());
    }

    /** The call's tensors in packed layout, routed or full attention on {@code backend}, unchecked. */
    static Call attended(Backend backend, Problem problem) {
        return attended(backend.engine(), problem, Layout.PACKED);
    }

    /** Routed or full attention on {@code engine}, unchecked. */
    static Call attended(Engine engine, Problem problem, Layout layout) {
        Call call = new Call(engine, problem, layout);
        try (AttentionPlan plan = engine.plan(call.spec())) {
            plan.attend(call.inputs(), call.outputs());
        }
        return call;
    }

    /** A plan that this call just fits. */
    PlanSpec spec() {
        return spec(problem, 0);
    }

    static PlanSpec spec(Problem problem, int maxSelected) {
        return new PlanSpec(
                problem.dtype(),
                problem.heads(),
                problem.kvHeads(),
                problem.headDim(),
                problem.headDimV(),
                Math.max(1, problem.tokensQ()),
                Math.max(1, problem.tokensK()),
                problem.sequences(),
                maxSelected,
                problem.options());
    }

    AttentionInputs inputs() {
        return inputs;
    }

    /** Puts the values of another problem of the same shape into q, k and v. */
    void write(Problem other) {
        q.write(other.q());
        k.write(other.k());
        v.write(other.v());
    }

    /** Every output the options allow. */
    AttentionOutputs outputs() {
        return selected == null
                ? AttentionOutputs.of(o.tensor(), lse.tensor())
                : AttentionOutputs.of(o.tensor(), lse.tensor(), selected.tensor());
    }

    /** A selection tensor for this call, in its layout. */
    Placed selection(int[][] rows, int width) {
        return Placed.selection(
                engine, arena, layout, problem.queryLengths(), problem.heads(), width, Routes.pad(rows, width));
    }

    /** Rows of the exported selection; null for full attention. */
    int[][] selectedRows() {
        return selected == null ? null : Routes.rows(selected.ints(), problem.selectionWidth());
    }

    /** Asserts all of section 6 on what attend wrote. */
    void assertRight() {
        if (selected != null) {
            Routes.assertSelection(problem, selected.ints(), problem.selectionWidth());
            selected.assertSurroundingsUntouched("selected");
        }
        assertAttention(selectedRows());
    }

    /** Asserts o and lse for a given selection. */
    void assertAttention(int[][] rows) {
        Numerics.assertAttention(problem, rows, o.floats(), lse.floats());
        o.assertSurroundingsUntouched("o");
        lse.assertSurroundingsUntouched("lse");
        assertInputsUnchanged();
    }

    void assertInputsUnchanged() {
        q.assertUnchanged("q");
        k.assertUnchanged("k");
        v.assertUnchanged("v");
    }

    /** Asserts that nothing was written to any output. */
    void assertOutputsUntouched() {
        o.assertUnchanged("o");
        lse.assertUnchanged("lse");
        if (selected != null) {
            selected.assertUnchanged("selected");
        }
    }

    /** Asserts that {@code other} has the same outputs, bit by bit. */
    void assertSameBits(Call other) {
        assertThat(other.o.floats()).as("o").isEqualTo(o.floats());
        assertThat(other.lse.floats()).as("lse").isEqualTo(lse.floats());
        if (selected != null) {
            assertThat(other.selected.ints()).as("selected").isEqualTo(selected.ints());
        }
    }

    Arena arena() {
        return arena;
    }

    @Override
    public void close() {
        arena.close();
    }

    private Tensor indices(DType dtype, int[] values) {
        if (dtype == DType.I32) {
            return Tensor.ofInts(arena, values, values.length);
        }
        Tensor tensor = Tensor.allocate(arena, DType.I64, values.length);
        for (int i = 0; i < values.length; i++) {
            tensor.setLong(values[i], i);
        }
        return tensor;
    }
}
