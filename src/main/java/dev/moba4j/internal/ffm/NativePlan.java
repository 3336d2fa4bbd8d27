package dev.moba4j.internal.ffm;

import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.bindings.moba_plan_info;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.Runner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A {@code moba_plan}. */
final class NativePlan implements BackendPlan {
    private final MemorySegment handle;
    private final NativeEngine engine;
    private final long workspaceBytes;
    private final String kernels;

    /** Takes over the handle. */
    NativePlan(MemorySegment handle, NativeEngine engine) {
        this.handle = handle;
        this.engine = engine;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
            NativeStatus.check(MobaLibrary.moba_plan_workspace_bytes(handle, bytes));
            workspaceBytes = bytes.get(ValueLayout.JAVA_LONG, 0);
            MemorySegment info = moba_plan_info.allocate(arena);
            moba_plan_info.struct_size(info, info.byteSize());
            NativeStatus.check(MobaLibrary.moba_plan_get_info(handle, info));
            kernels = moba_plan_info.kernels(info).getString(0);
        }
    }

    @Override
    public long workspaceBytes() {
        return workspaceBytes;
    }

    @Override
    public String kernels() {
        return kernels;
    }

    @Override
    public Runner newRunner() {
        return engine.newRunner(handle, workspaceBytes);
    }

    @Override
    public void close() {
        NativeStatus.check(MobaLibrary.moba_plan_destroy(handle));
    }
}
