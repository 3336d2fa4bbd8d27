package dev.moba4j.internal.ffm;

import dev.moba4j.AttentionInputs;
import dev.moba4j.Tensor;
import dev.moba4j.bindings.moba_run_shapes;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** What one run needs besides its tensors: the struct that describes them and the workspace. Used by one run at a time. */
final class RunScratch {
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

    RunScratch(long workspaceBytes) {
        shapes = NativeMemory.allocate(moba_run_shapes.sizeof());
        try {
            workspace = NativeMemory.allocate(workspaceBytes);
        } catch (RuntimeException e) {
            NativeMemory.free(shapes);
            throw e;
        }
        shapes.fill((byte) 0);
        moba_run_shapes.struct_size(shapes, shapes.byteSize());
        q = moba_run_shapes.q(shapes);
        k = moba_run_shapes.k(shapes);
        v = moba_run_shapes.v(shapes);
        o = moba_run_shapes.o(shapes);
        lse = moba_run_shapes.lse(shapes);
        selected = moba_run_shapes.selected(shapes);
        cuSeqlensQ = moba_run_shapes.cu_seqlens_q(shapes);
        cuSeqlensK = moba_run_shapes.cu_seqlens_k(shapes);
    }

    /** A {@code moba_run_shapes} that describes the tensors of a run; null for absent ones. */
    MemorySegment describe(
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

    MemorySegment workspace() {
        return workspace;
    }

    void free() {
        NativeMemory.free(shapes);
        NativeMemory.free(workspace);
    }
}
