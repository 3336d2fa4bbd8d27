package dev.moba4j;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Memory between two pages that nobody may touch: one read or write beside it ends the process. Linux only. */
final class GuardedMemory {
    private static final long PAGE = 65_536;
    private static final int NO_ACCESS = 0;
    private static final int READ_AND_WRITE = 3;
    private static final int PRIVATE_ANONYMOUS = 0x22;
    private static final MethodHandle MMAP = function(
            "mmap", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MPROTECT =
            function("mprotect", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
    private static final MethodHandle MUNMAP = function("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));

    private GuardedMemory() {}

    /** {@code bytes} bytes that end where a guard page begins; freed with the arena. */
    static MemorySegment before(Arena arena, long bytes) {
        long usable = usable(bytes);
        return map(arena, usable).asSlice(PAGE + usable - bytes, bytes);
    }

    /** {@code bytes} bytes that begin where a guard page ends; freed with the arena. */
    static MemorySegment after(Arena arena, long bytes) {
        return map(arena, usable(bytes)).asSlice(PAGE, bytes);
    }

    private static long usable(long bytes) {
        return Math.max(1, (bytes + PAGE - 1) / PAGE) * PAGE;
    }

    private static MemorySegment map(Arena arena, long usable) {
        long size = usable + 2 * PAGE;
        try {
            MemorySegment start =
                    (MemorySegment) MMAP.invokeExact(MemorySegment.NULL, size, NO_ACCESS, PRIVATE_ANONYMOUS, -1, 0L);
            MemorySegment inner = MemorySegment.ofAddress(start.address() + PAGE);
            if ((int) MPROTECT.invokeExact(inner, usable, READ_AND_WRITE) != 0) {
                throw new IllegalStateException("mprotect failed");
            }
            return MemorySegment.ofAddress(start.address()).reinterpret(size, arena, GuardedMemory::unmap);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static void unmap(MemorySegment segment) {
        try {
            int ignored = (int) MUNMAP.invokeExact(segment, segment.byteSize());
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }
}
