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
 *
 * <p>On Linux the system is asked for huge pages, where it gives them on request: kernels go to rows all over a workspace, and
 * small pages cost up to 5 % of their speed.
 */
final class NativeMemory {
    private static final long ALIGNMENT = 64;
    private static final long HUGE_PAGE = 2 << 20;
    private static final int MADV_HUGEPAGE = 14;
    private static final MethodHandle ALIGNED_ALLOC = handle(
            "aligned_alloc", FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    private static final MethodHandle FREE = handle("free", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));
    private static final boolean LINUX = System.getProperty("os.name").equals("Linux");
    private static final MethodHandle MADVISE = handle(
            "madvise", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));

    private NativeMemory() {}

    /**
     * Allocates; {@link #free} releases it.
     *
     * @throws MobaOutOfMemoryException if there is no memory
     */
    static MemorySegment allocate(long bytes) {
        boolean huge = LINUX && bytes >= HUGE_PAGE;
        long alignment = huge ? HUGE_PAGE : ALIGNMENT;
        long rounded = Math.max(1, Math.ceilDiv(bytes, alignment)) * alignment;
        try {
            MemorySegment memory = (MemorySegment) ALIGNED_ALLOC.invokeExact(alignment, rounded);
            if (memory.address() == 0) {
                throw new MobaOutOfMemoryException("the system has no " + bytes + " bytes of memory for a workspace");
            }
            if (huge) {
                // Only advice: a system without huge pages declines, which changes nothing.
                MADVISE.invokeExact(memory, rounded, MADV_HUGEPAGE);
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
