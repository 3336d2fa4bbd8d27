package dev.moba4j.internal.ffm;

import static dev.moba4j.internal.ffm.TensorDescription.memory;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.Tensor;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.RunSignals;
import dev.moba4j.internal.Sequences;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * A {@code moba_plan}. The segments of the tensors are arguments of the calls: the linker then keeps their arenas from
 * being closed while a call runs.
 */
final class NativePlan implements BackendPlan {
    private final MemorySegment handle;
    private final RunScratchPool scratchPool;

    /** Takes over the handle. */
    NativePlan(MemorySegment handle) {
        this.handle = handle;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
            NativeStatus.check(MobaLibrary.moba_plan_workspace_bytes(handle, bytes));
            scratchPool = new RunScratchPool(bytes.get(ValueLayout.JAVA_LONG, 0));
        }
    }

    @Override
    public long workspaceBytes() {
        return scratchPool.workspaceBytes();
    }

    @Override
    public void route(AttentionInputs in, Sequences sequences, Tensor selected, @Nullable RunSignals signals) {
        RunScratch scratch = scratchPool.take();
        try {
            NativeStatus.check(MobaLibrary.moba_route(
                    handle,
                    scratch.describe(in, null, null, null, selected),
                    memory(in.q()),
                    memory(in.k()),
                    memory(in.cuSeqlensQ()),
                    memory(in.cuSeqlensK()),
                    memory(selected),
                    scratch.workspace(),
                    scratch.workspace().byteSize(),
                    MemorySegment.NULL,
                    progress(signals),
                    cancelFlag(signals)));
        } finally {
            scratchPool.giveBack(scratch);
        }
    }

    @Override
    public void attend(AttentionInputs in, Sequences sequences, AttentionOutputs out, @Nullable RunSignals signals) {
        RunScratch scratch = scratchPool.take();
        try {
            NativeStatus.check(MobaLibrary.moba_attend(
                    handle,
                    scratch.describe(in, in.v(), out.o(), out.lse(), out.selected()),
                    memory(in.q()),
                    memory(in.k()),
                    memory(in.v()),
                    memory(in.cuSeqlensQ()),
                    memory(in.cuSeqlensK()),
                    memory(out.o()),
                    memory(out.lse()),
                    memory(out.selected()),
                    scratch.workspace(),
                    scratch.workspace().byteSize(),
                    MemorySegment.NULL,
                    progress(signals),
                    cancelFlag(signals)));
        } finally {
            scratchPool.giveBack(scratch);
        }
    }

    @Override
    public void attendSelected(
            AttentionInputs in,
            Sequences sequences,
            Tensor selected,
            AttentionOutputs out,
            @Nullable RunSignals signals) {
        RunScratch scratch = scratchPool.take();
        try {
            NativeStatus.check(MobaLibrary.moba_attend_selected(
                    handle,
                    scratch.describe(in, in.v(), out.o(), out.lse(), selected),
                    memory(in.q()),
                    memory(in.k()),
                    memory(in.v()),
                    memory(in.cuSeqlensQ()),
                    memory(in.cuSeqlensK()),
                    memory(selected),
                    memory(out.o()),
                    memory(out.lse()),
                    scratch.workspace(),
                    scratch.workspace().byteSize(),
                    MemorySegment.NULL,
                    progress(signals),
                    cancelFlag(signals)));
        } finally {
            scratchPool.giveBack(scratch);
        }
    }

    @Override
    public void close() {
        NativeStatus.check(MobaLibrary.moba_plan_destroy(handle));
        scratchPool.free();
    }

    private static MemorySegment progress(@Nullable RunSignals signals) {
        return signals == null ? MemorySegment.NULL : signals.progress();
    }

    private static MemorySegment cancelFlag(@Nullable RunSignals signals) {
        return signals == null ? MemorySegment.NULL : signals.cancelFlag();
    }
}
