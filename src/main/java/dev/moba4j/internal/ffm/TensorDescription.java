package dev.moba4j.internal.ffm;

import dev.moba4j.DType;
import dev.moba4j.Tensor;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.bindings.moba_tensor;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Writes a tensor's dtype, device, shape and strides into a {@code moba_tensor}; the memory itself is an argument of the call. */
final class TensorDescription {
    private TensorDescription() {}

    /** Writes what is the same for every tensor into a zeroed struct, which then describes an absent one. */
    static MemorySegment begin(MemorySegment struct) {
        moba_tensor.struct_size(struct, moba_tensor.sizeof());
        return struct;
    }

    /** Describes a tensor, or its absence, in a struct that {@link #begin} has seen. */
    static void fill(MemorySegment struct, @Nullable Tensor tensor) {
        if (tensor == null) {
            moba_tensor.ndim(struct, 0);
            return;
        }
        moba_tensor.dtype(struct, code(tensor.dtype()));
        moba_tensor.ndim(struct, tensor.rank());
        moba_tensor.device_type(
                struct, tensor.device().isCpu() ? MobaLibrary.MOBA_DEVICE_CPU() : MobaLibrary.MOBA_DEVICE_CUDA());
        moba_tensor.device_id(struct, tensor.device().ordinal());
        for (int axis = 0; axis < tensor.rank(); axis++) {
            moba_tensor.shape(struct, axis, tensor.dim(axis));
            moba_tensor.stride(struct, axis, tensor.dim(axis) > 1 ? tensor.stride(axis) : 1);
        }
    }

    /** The memory of a tensor, NULL if it is absent. */
    static MemorySegment memory(@Nullable Tensor tensor) {
        return tensor == null ? MemorySegment.NULL : tensor.segment();
    }

    /** {@code enum moba_dtype}. */
    static int code(DType dtype) {
        return switch (dtype) {
            case F32 -> MobaLibrary.MOBA_F32();
            case F16 -> MobaLibrary.MOBA_F16();
            case BF16 -> MobaLibrary.MOBA_BF16();
            case I32 -> MobaLibrary.MOBA_I32();
            case I64 -> MobaLibrary.MOBA_I64();
        };
    }
}
