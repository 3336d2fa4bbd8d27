package dev.moba4j.internal.ffm;

import static dev.moba4j.internal.ffm.TensorDescription.memory;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.Tensor;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.bindings.moba_run_shapes;
import dev.moba4j.internal.RunSignals;
import dev.moba4j.internal.Runner;
import dev.moba4j.internal.Sequences;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Calls the library, with a struct that describes the tensors and a workspace. The segments of the tensors are arguments of
 * the calls: the linker then keeps their arenas from being closed while a call runs.
 */
class NativeRunner implements Runner {
    private final MemorySegment plan;
    private final MemorySegment shapes;
    private final MemorySegment workspace;

    // Parts of shapes, sliced once.
    private final MemorySegment q;
    private final MemorySegment k;
    private final MemorySegment v;
    private final MemorySegment o;
    private final MemorySegment lse;
    private final MemorySegment selected;
    private final MemorySegment cuSeqlensQ;
    private final MemorySegment cuSeqlensK;

    /**
     * Takes over the workspace.
     *
     * @param plan a {@code moba_plan}
     * @param workspace as large as its runs need
     */
    NativeRunner(MemorySegment plan, MemorySegment workspace) {
        this.plan = plan;
        this.workspace = workspace;
        shapes = NativeMemory.allocate(moba_run_shapes.sizeof());
        shapes.fill((byte) 0);
        moba_run_shapes.struct_size(shapes, shapes.byteSize());
        q = TensorDescription.begin(moba_run_shapes.q(shapes));
        k = TensorDescription.begin(moba_run_shapes.k(shapes));
        v = TensorDescription.begin(moba_run_shapes.v(shapes));
        o = TensorDescription.begin(moba_run_shapes.o(shapes));
        lse = TensorDescription.begin(moba_run_shapes.lse(shapes));
        selected = TensorDescription.begin(moba_run_shapes.selected(shapes));
        cuSeqlensQ = TensorDescription.begin(moba_run_shapes.cu_seqlens_q(shapes));
        cuSeqlensK = TensorDescription.begin(moba_run_shapes.cu_seqlens_k(shapes));
    }

    @Override
    public void route(AttentionInputs in, Sequences sequences, Tensor selected, @Nullable RunSignals signals) {
        ended(MobaLibrary.moba_route(
                plan,
                describe(in, null, null, null, selected),
                memory(in.q()),
                memory(in.k()),
                memory(in.cuSeqlensQ()),
                memory(in.cuSeqlensK()),
                memory(selected),
                workspace,
                workspace.byteSize(),
                stream(),
                progress(signals),
                cancelFlag(signals)));
    }

    @Override
    public void attend(AttentionInputs in, Sequences sequences, AttentionOutputs out, @Nullable RunSignals signals) {
        ended(MobaLibrary.moba_attend(
                plan,
                describe(in, in.v(), out.o(), out.lse(), out.selected()),
                memory(in.q()),
                memory(in.k()),
                memory(in.v()),
                memory(in.cuSeqlensQ()),
                memory(in.cuSeqlensK()),
                memory(out.o()),
                memory(out.lse()),
                memory(out.selected()),
                workspace,
                workspace.byteSize(),
                stream(),
                progress(signals),
                cancelFlag(signals)));
    }

    @Override
    public void attendSelected(
            AttentionInputs in,
            Sequences sequences,
            Tensor selected,
            AttentionOutputs out,
            @Nullable RunSignals signals) {
        ended(MobaLibrary.moba_attend_selected(
                plan,
                describe(in, in.v(), out.o(), out.lse(), selected),
                memory(in.q()),
                memory(in.k()),
                memory(in.v()),
                memory(in.cuSeqlensQ()),
                memory(in.cuSeqlensK()),
                memory(selected),
                memory(out.o()),
                memory(out.lse()),
                workspace,
                workspace.byteSize(),
                stream(),
                progress(signals),
                cancelFlag(signals)));
    }

    /** A {@code moba_run_shapes} that describes the tensors of a run; null for absent ones. */
    private MemorySegment describe(
            AttentionInputs in,
            @Nullable Tensor values,
            @Nullable Tensor output,
            @Nullable Tensor logSumExp,
            @Nullable Tensor selection) {
        TensorDescription.fill(q, in.q());
        TensorDescription.fill(k, in.k());
        TensorDescription.fill(v, values);
        TensorDescription.fill(o, output);
        TensorDescription.fill(lse, logSumExp);
        TensorDescription.fill(selected, selection);
        TensorDescription.fill(cuSeqlensQ, in.cuSeqlensQ());
        TensorDescription.fill(cuSeqlensK, in.cuSeqlensK());
        return shapes;
    }

    /** The stream that a run is enqueued on; NULL where there are none. */
    MemorySegment stream() {
        return MemorySegment.NULL;
    }

    /** Follows the call of a run. */
    void ended(int status) {
        NativeStatus.check(status);
    }

    @Override
    public void free() {
        NativeMemory.free(shapes);
        freeWorkspace(workspace);
    }

    /** Releases what the constructor took over. */
    void freeWorkspace(MemorySegment workspace) {
        NativeMemory.free(workspace);
    }

    private static MemorySegment progress(@Nullable RunSignals signals) {
        return signals == null ? MemorySegment.NULL : signals.progress();
    }

    private static MemorySegment cancelFlag(@Nullable RunSignals signals) {
        return signals == null ? MemorySegment.NULL : signals.cancelFlag();
    }
}
