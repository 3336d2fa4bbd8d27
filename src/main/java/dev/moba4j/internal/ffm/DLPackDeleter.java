package dev.moba4j.internal.ffm;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The function by which another library gets a managed tensor back. */
public final class DLPackDeleter {
    private DLPackDeleter() {}

    /**
     * Gives the tensor back.
     *
     * @param deleter {@code void (*)(struct*)}; NULL, which DLPack allows, does nothing
     * @param struct the managed tensor
     */
    public static void call(MemorySegment deleter, MemorySegment struct) {
        if (deleter.equals(MemorySegment.NULL)) {
            return;
        }
        try {
            Linker.nativeLinker()
                    .downcallHandle(deleter, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS))
                    .invokeExact(struct);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
