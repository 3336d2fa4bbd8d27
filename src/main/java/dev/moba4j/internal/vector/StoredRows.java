package dev.moba4j.internal.vector;

import dev.moba4j.DType;
import dev.moba4j.Tensor;
import dev.moba4j.internal.BFloat16;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The rows {@code [channels]} of a tensor {@code [token, head, channel]} or {@code [batch, token, head, channel]}. */
final class StoredRows {
    private static final ValueLayout.OfFloat FLOATS = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfShort SHORTS = ValueLayout.JAVA_SHORT_UNALIGNED;

    private final MemorySegment memory;
    private final DType dtype;
    private final int channels;
    private final long batchStride;
    private final long tokenStride;
    private final long headStride;

    StoredRows(Tensor tensor) {
        int token = tensor.rank() - 3;
        this.memory = tensor.segment();
        this.dtype = tensor.dtype();
        this.channels = (int) tensor.dim(token + 2);
        this.batchStride = token == 0 ? 0 : tensor.stride(0);
        this.tokenStride = tensor.stride(token);
        this.headStride = tensor.stride(token + 1);
    }

    /** Widens a row into {@code target} from {@code at}; {@code halves} holds a row. */
    void read(long batch, long token, long head, float[] target, int at, short[] halves) {
        long bytes = bytes(batch, token, head);
        switch (dtype) {
            case F32 -> MemorySegment.copy(memory, FLOATS, bytes, target, at, channels);
            case F16 -> {
                MemorySegment.copy(memory, SHORTS, bytes, halves, 0, channels);
                for (int i = 0; i < channels; i++) {
                    target[at + i] = Float.float16ToFloat(halves[i]);
                }
            }
            case BF16 -> {
                MemorySegment.copy(memory, SHORTS, bytes, halves, 0, channels);
                for (int i = 0; i < channels; i++) {
                    target[at + i] = BFloat16.toFloat(halves[i]);
                }
            }
            case I32, I64 -> throw new AssertionError(dtype);
        }
    }

    /** Rounds a row to the tensor's dtype; {@code halves} holds a row. */
    void write(long batch, long token, long head, float[] source, short[] halves) {
        long bytes = bytes(batch, token, head);
        switch (dtype) {
            case F32 -> MemorySegment.copy(source, 0, memory, FLOATS, bytes, channels);
            case F16 -> {
                for (int i = 0; i < channels; i++) {
                    halves[i] = Float.floatToFloat16(source[i]);
                }
                MemorySegment.copy(halves, 0, memory, SHORTS, bytes, channels);
            }
            case BF16 -> {
                for (int i = 0; i < channels; i++) {
                    halves[i] = BFloat16.ofFloat(source[i]);
                }
                MemorySegment.copy(halves, 0, memory, SHORTS, bytes, channels);
            }
            case I32, I64 -> throw new AssertionError(dtype);
        }
    }

    private long bytes(long batch, long token, long head) {
        return (batch * batchStride + token * tokenStride + head * headStride) * dtype.byteSize();
    }
}
