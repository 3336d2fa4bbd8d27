package dev.moba4j.internal.ffm;

import dev.moba4j.bindings.moba_run_shapes;
import java.lang.foreign.MemorySegment;

/** What one run needs besides its tensors: the struct that describes them and the workspace. Used by one run at a time. */
final class RunScratch {
    private final MemorySegment shapes;
    private final MemorySegment workspace;

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
    }

    /** A {@code moba_run_shapes} whose struct_size is set. */
    MemorySegment shapes() {
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
