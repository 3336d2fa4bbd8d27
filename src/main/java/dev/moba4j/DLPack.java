package dev.moba4j;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import dev.moba4j.internal.ffm.DLPackDeleter;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Tensors of other libraries by way of <a href="https://dmlc.github.io/dlpack/latest/">DLPack</a>: views of their memory,
 * nothing is copied. Understood are float32, float16, bfloat16, int32 and int64 in memory of the processor, page-locked or
 * not, and of CUDA devices, managed or not.
 *
 * {@snippet class="dev.moba4j.snippets.CudaSnippetTest" region="dlpack"}
 */
public final class DLPack {
    private static final AddressLayout POINTER = ValueLayout.ADDRESS;

    private static final StructLayout TENSOR = MemoryLayout.structLayout(
            POINTER.withName("data"),
            ValueLayout.JAVA_INT.withName("device_type"),
            ValueLayout.JAVA_INT.withName("device_id"),
            ValueLayout.JAVA_INT.withName("ndim"),
            ValueLayout.JAVA_BYTE.withName("code"),
            ValueLayout.JAVA_BYTE.withName("bits"),
            ValueLayout.JAVA_SHORT.withName("lanes"),
            POINTER.withName("shape"),
            POINTER.withName("strides"),
            ValueLayout.JAVA_LONG.withName("byte_offset"));

    private static final StructLayout MANAGED = MemoryLayout.structLayout(
            TENSOR.withName("dl_tensor"), POINTER.withName("manager_ctx"), POINTER.withName("deleter"));

    private static final StructLayout VERSIONED = MemoryLayout.structLayout(
            ValueLayout.JAVA_INT.withName("major"),
            ValueLayout.JAVA_INT.withName("minor"),
            POINTER.withName("manager_ctx"),
            POINTER.withName("deleter"),
            ValueLayout.JAVA_LONG.withName("flags"),
            TENSOR.withName("dl_tensor"));

    private static final int MAJOR_VERSION = 1;
    private static final long READ_ONLY = 1;

    private static final int CPU = 1;
    private static final int CUDA = 2;
    private static final int CUDA_HOST = 3;
    private static final int CUDA_MANAGED = 13;

    private DLPack() {}

    /**
     * A view of a {@code DLTensor}, which stays the caller's, as does its memory.
     *
     * @param tensor a {@code DLTensor*}; its size does not matter
     * @return the view; it does not refer to the struct
     * @throws IllegalArgumentException if its dtype, device, rank or strides are not understood
     */
    public static Tensor wrap(MemorySegment tensor) {
        return view(tensor.reinterpret(TENSOR.byteSize()), MemorySegment.NULL.reinterpret(Long.MAX_VALUE));
    }

    /**
     * Takes over a {@code DLManagedTensor}: closing the arena calls its deleter, after waiting for what the engine's streams
     * hold. After a failure it is the caller's still.
     *
     * @param engine whose runs are given the tensor
     * @param arena owner of the tensor
     * @param managed a {@code DLManagedTensor*}; its size does not matter
     * @return the view
     * @throws IllegalArgumentException if its dtype, device, rank or strides are not understood
     */
    public static Tensor take(Engine engine, Arena arena, MemorySegment managed) {
        return take(engine, arena, managed.reinterpret(MANAGED.byteSize()), MANAGED, false);
    }

    /**
     * Takes over a {@code DLManagedTensorVersioned}, like {@link #take}. A tensor that is marked read-only can be no output.
     *
     * @param engine whose runs are given the tensor
     * @param arena owner of the tensor
     * @param managed a {@code DLManagedTensorVersioned*} of major version 1; its size does not matter
     * @return the view
     * @throws IllegalArgumentException if its version, dtype, device, rank or strides are not understood
     */
    public static Tensor takeVersioned(Engine engine, Arena arena, MemorySegment managed) {
        MemorySegment struct = managed.reinterpret(VERSIONED.byteSize());
        int major = struct.get(ValueLayout.JAVA_INT, 0);
        if (major != MAJOR_VERSION) {
            throw new IllegalArgumentException("version.major is " + major + ", expected " + MAJOR_VERSION);
        }
        boolean readOnly = (struct.get(ValueLayout.JAVA_LONG, offset(VERSIONED, "flags")) & READ_ONLY) != 0;
        return take(engine, arena, struct, VERSIONED, readOnly);
    }

    private static Tensor take(
            Engine engine, Arena arena, MemorySegment struct, StructLayout layout, boolean readOnly) {
        MemorySegment tensor = struct.asSlice(offset(layout, "dl_tensor"), TENSOR.byteSize());
        view(tensor, MemorySegment.NULL.reinterpret(Long.MAX_VALUE)); // refused before it is taken over
        MemorySegment deleter = struct.get(POINTER, offset(layout, "deleter"));
        MemorySegment memory = MemorySegment.NULL.reinterpret(Long.MAX_VALUE, arena, any -> {
            try {
                engine.awaitStreams();
            } finally {
                DLPackDeleter.call(deleter, struct);
            }
        });
        return view(tensor, readOnly ? memory.asReadOnly() : memory);
    }

    /** @param memory all that there is, with the lifetime and the permissions of the view */
    private static Tensor view(MemorySegment tensor, MemorySegment memory) {
        int rank = tensor.get(ValueLayout.JAVA_INT, offset(TENSOR, "ndim"));
        if (rank < 1 || rank > Tensor.MAX_RANK) {
            throw new IllegalArgumentException("ndim is " + rank + ", expected 1 to " + Tensor.MAX_RANK);
        }
        if (tensor.get(POINTER, offset(TENSOR, "shape")).equals(MemorySegment.NULL)) {
            throw new IllegalArgumentException("shape is NULL, expected " + rank + " sizes");
        }
        long[] shape = longs(tensor, "shape", rank);
        DType dtype = dtype(tensor);
        long address =
                tensor.get(POINTER, 0).address() + tensor.get(ValueLayout.JAVA_LONG, offset(TENSOR, "byte_offset"));
        MemorySegment data = memory.asSlice(address);
        if (tensor.get(POINTER, offset(TENSOR, "strides")).equals(MemorySegment.NULL)) {
            return Tensor.wrap(device(tensor), data, dtype, shape);
        }
        return Tensor.wrap(device(tensor), data, dtype, shape, longs(tensor, "strides", rank));
    }

    private static long[] longs(MemorySegment tensor, String field, int count) {
        return tensor.get(POINTER, offset(TENSOR, field))
                .reinterpret((long) count * Long.BYTES)
                .toArray(ValueLayout.JAVA_LONG);
    }

    private static Device device(MemorySegment tensor) {
        int type = tensor.get(ValueLayout.JAVA_INT, offset(TENSOR, "device_type"));
        return switch (type) {
            case CPU, CUDA_HOST -> Device.CPU;
            case CUDA, CUDA_MANAGED -> Device.cuda(tensor.get(ValueLayout.JAVA_INT, offset(TENSOR, "device_id")));
            default ->
                throw new IllegalArgumentException(
                        "device_type is " + type + ", expected kDLCPU, kDLCUDA, kDLCUDAHost or kDLCUDAManaged");
        };
    }

    private static DType dtype(MemorySegment tensor) {
        int code = tensor.get(ValueLayout.JAVA_BYTE, offset(TENSOR, "code"));
        int bits = Byte.toUnsignedInt(tensor.get(ValueLayout.JAVA_BYTE, offset(TENSOR, "bits")));
        int lanes = tensor.get(ValueLayout.JAVA_SHORT, offset(TENSOR, "lanes"));
        return Arrays.stream(DType.values())
                .filter(dtype -> lanes == 1 && code(dtype) == code && dtype.byteSize() * Byte.SIZE == bits)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("dtype is (code " + code + ", bits " + bits + ", lanes "
                        + lanes + "), expected float32, float16, bfloat16, int32 or int64"));
    }

    /** {@code DLDataTypeCode}. */
    private static int code(DType dtype) {
        return switch (dtype) {
            case I32, I64 -> 0;
            case F32, F16 -> 2;
            case BF16 -> 4;
        };
    }

    private static long offset(StructLayout layout, String field) {
        return layout.byteOffset(groupElement(field));
    }
}
