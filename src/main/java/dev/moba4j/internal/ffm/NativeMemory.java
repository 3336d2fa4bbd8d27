package dev.moba4j.internal.ffm;

import dev.moba4j.MobaOutOfMemoryException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Memory of the C library, aligned to 64 bytes and not cleared: an arena would write zeros over all of a workspace, and so
 * make the system provide pages that a smaller run never touches.
 */
final class NativeMemory {
    private static final long ALIGNMENT = 64;
    private static final MethodHandle ALIGNED_ALLOC = handle(
            "aligned_alloc", FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    private static final MethodHandle FREE = handle("free", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));

    private NativeMemory() {}

    /**
     * Allocates; {@link #free} releases it.
     *
     * @throws MobaOutOfMemoryException if there is no memory
     */
    static MemorySegment allocate(long bytes) {
        long rounded = Math.max(1, Math.ceilDiv(bytes, ALIGNMENT)) * ALIGNMENT;
        try {
            MemorySegment memory = (MemorySegment) ALIGNED_ALLOC.invokeExact(ALIGNMENT, rounded);
            if (memory.address() == 0) {
                throw new MobaOutOfMemoryException("the system has no " + bytes + " bytes of memory for a workspace");
            }
            return memory.reinterpret(bytes);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    static void free(MemorySegment memory) {
        try {
            FREE.invokeExact(memory);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static MethodHandle handle(String function, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(function), descriptor);
    }
}
