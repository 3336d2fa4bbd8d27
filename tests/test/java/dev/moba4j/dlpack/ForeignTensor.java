package dev.moba4j.dlpack;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.moba4j.DType;
import dev.moba4j.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;

/**
 * What another library hands over by DLPack: structs laid out here byte by byte, after dlpack.h of version 1.1, and a deleter
 * that counts.
 */
public final class ForeignTensor {
    /** Offsets within a DLTensor. */
    public static final int DATA = 0;

    public static final int DEVICE_TYPE = 8;
    public static final int DEVICE_ID = 12;
    public static final int NDIM = 16;
    public static final int DTYPE_CODE = 20;
    public static final int DTYPE_BITS = 21;
    public static final int DTYPE_LANES = 22;
    public static final int SHAPE = 24;
    public static final int STRIDES = 32;
    public static final int BYTE_OFFSET = 40;

    private static final int TENSOR_SIZE = 48;
    private static final int FLAGS = 24;
    private static final int VERSIONED_TENSOR = 32;

    private final MemorySegment struct;
    private final MemorySegment tensor;
    private final List<Long> deleted = new ArrayList<>();

    private ForeignTensor(Arena arena, Tensor viewed, int size, int tensorOffset, int deleterOffset) {
        struct = arena.allocate(size, 8);
        tensor = struct.asSlice(tensorOffset, TENSOR_SIZE);
        tensor.set(ADDRESS, DATA, viewed.segment());
        tensor.set(JAVA_INT, DEVICE_TYPE, viewed.device().isCpu() ? 1 : 2);
        tensor.set(JAVA_INT, DEVICE_ID, viewed.device().ordinal());
        tensor.set(JAVA_INT, NDIM, viewed.rank());
        tensor.set(JAVA_BYTE, DTYPE_CODE, code(viewed.dtype()));
        tensor.set(JAVA_BYTE, DTYPE_BITS, (byte) (viewed.dtype().byteSize() * 8));
        tensor.set(JAVA_SHORT, DTYPE_LANES, (short) 1);
        tensor.set(ADDRESS, SHAPE, arena.allocateFrom(JAVA_LONG, viewed.shape()));
        tensor.set(ADDRESS, STRIDES, arena.allocateFrom(JAVA_LONG, viewed.strides()));
        if (deleterOffset >= 0) {
            struct.set(ADDRESS, deleterOffset, deleter(arena));
        }
    }

    /** A DLTensor. */
    public static ForeignTensor plain(Arena arena, Tensor viewed) {
        return new ForeignTensor(arena, viewed, TENSOR_SIZE, 0, -1);
    }

    /** A DLManagedTensor. */
    public static ForeignTensor managed(Arena arena, Tensor viewed) {
        return new ForeignTensor(arena, viewed, TENSOR_SIZE + 16, 0, TENSOR_SIZE + 8);
    }

    /** A DLManagedTensorVersioned. */
    public static ForeignTensor versioned(Arena arena, Tensor viewed, int major, long flags) {
        ForeignTensor foreign = new ForeignTensor(arena, viewed, VERSIONED_TENSOR + TENSOR_SIZE, VERSIONED_TENSOR, 16);
        foreign.struct.set(JAVA_INT, 0, major);
        foreign.struct.set(JAVA_INT, 4, 1);
        foreign.struct.set(JAVA_LONG, FLAGS, flags);
        return foreign;
    }

    /** The address that is handed over, as C gives one: a segment of no bytes. */
    public MemorySegment struct() {
        return MemorySegment.ofAddress(struct.address());
    }

    /** The DLTensor, to be changed. */
    public MemorySegment tensor() {
        return tensor;
    }

    /** How often the deleter was called; with the struct's address each time. */
    public int deletions() {
        if (deleted.stream().anyMatch(address -> address != struct.address())) {
            throw new AssertionError("the deleter was called with another address than " + struct.address());
        }
        return deleted.size();
    }

    private MemorySegment deleter(Arena arena) {
        try {
            return Linker.nativeLinker()
                    .upcallStub(
                            MethodHandles.lookup()
                                    .bind(this, "delete", MethodType.methodType(void.class, MemorySegment.class)),
                            FunctionDescriptor.ofVoid(ADDRESS),
                            arena);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    @SuppressWarnings("unused") // by the stub
    private void delete(MemorySegment address) {
        deleted.add(address.address());
    }

    private static byte code(DType dtype) {
        return switch (dtype) {
            case I32, I64 -> 0;
            case F32, F16 -> 2;
            case BF16 -> 4;
        };
    }
}
