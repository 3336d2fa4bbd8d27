package dev.moba4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;

/**
 * A tensor laid out inside a larger poisoned buffer, written and read here without the library: what surrounds it and
 * what lies in its gaps can be checked byte by byte. The poison is a NaN in every storage type and no block index.
 */
final class Placed {
    private static final byte POISON = (byte) 0xFF;
    private static final byte INT_POISON = (byte) 0x7B;
    private static final long GUARD = 192;

    private final MemorySegment buffer;
    private final Tensor tensor;
    private final DType dtype;
    private final int sequences;
    private final int tokens;
    private final int heads;
    private final int channels;
    private final long first;
    private final long[] strides;
    private byte[] snapshot;

    private Placed(
            Engine engine,
            Arena arena,
            Layout layout,
            DType dtype,
            int[] lengths,
            int heads,
            int channels,
            boolean flat) {
        this.dtype = dtype;
        this.sequences = layout.batched() ? lengths.length : 1;
        this.tokens = layout.batched() ? lengths[0] : Arrays.stream(lengths).sum();
        this.heads = heads;
        this.channels = channels;
        this.strides = layout.strides(tokens, heads, channels);
        this.first = GUARD / dtype.byteSize() + layout.lead();
        long span = sequences * tokens == 0 ? 0 : last() + 1;
        long bytes = (first + span) * dtype.byteSize() + GUARD;
        buffer = Reach.memory(engine, arena, bytes);
        buffer.fill(dtype == DType.I32 ? INT_POISON : POISON);
        MemorySegment view = buffer.asSlice(first * dtype.byteSize(), span * dtype.byteSize());
        Tensor host = Tensor.wrap(
                view,
                dtype,
                axes(layout, sequences, tokens, heads, channels, flat),
                axes(layout, strides[0], strides[1], strides[2], 1, flat));
        tensor = Reach.of(engine, host);
        snapshot();
    }

    /** A tensor of {@code values}, given in packed order {@code [T, heads, channels]}. */
    static Placed input(
            Engine engine,
            Arena arena,
            Layout layout,
            DType dtype,
            int[] lengths,
            int heads,
            int channels,
            float[] values) {
        Placed placed = new Placed(engine, arena, layout, dtype, lengths, heads, channels, false);
        placed.write(values);
        return placed;
    }

    /** Puts in values, given in packed order. */
    void write(float[] values) {
        forEach((index, offset) -> put(offset, values[index]));
        snapshot();
    }

    /** A selection of {@code values}, given in packed order {@code [T, heads, channels]}. */
    static Placed selection(
            Engine engine, Arena arena, Layout layout, int[] lengths, int heads, int width, int[] values) {
        Placed placed = new Placed(engine, arena, layout, DType.I32, lengths, heads, width, false);
        placed.forEach((index, offset) -> placed.buffer.set(JAVA_INT, offset, values[index]));
        placed.snapshot();
        return placed;
    }

    /** A poisoned output {@code [T, heads, channels]}. */
    static Placed output(
            Engine engine, Arena arena, Layout layout, DType dtype, int[] lengths, int heads, int channels) {
        return new Placed(engine, arena, layout, dtype, lengths, heads, channels, false);
    }

    /** A poisoned output {@code [T, heads]} of fp32. */
    static Placed lse(Engine engine, Arena arena, Layout layout, int[] lengths, int heads) {
        return new Placed(engine, arena, layout, DType.F32, lengths, heads, 1, true);
    }

    /** What runs are given. */
    Tensor tensor() {
        return tensor;
    }

    /** The elements in packed order. */
    float[] floats() {
        float[] values = new float[sequences * tokens * heads * channels];
        forEach((index, offset) -> values[index] = get(offset));
        return values;
    }

    /** The elements in packed order. */
    int[] ints() {
        int[] values = new int[sequences * tokens * heads * channels];
        forEach((index, offset) -> values[index] = buffer.get(JAVA_INT, offset));
        return values;
    }

    /** Asserts that no byte of the buffer changed since it was made. */
    void assertUnchanged(String name) {
        assertThat(Arrays.mismatch(snapshot, buffer.toArray(JAVA_BYTE)))
                .as("first changed byte of %s", name)
                .isEqualTo(-1);
    }

    /** Asserts that only elements of the tensor changed. */
    void assertSurroundingsUntouched(String name) {
        BitSet own = new BitSet();
        forEach((index, offset) -> own.set((int) offset, (int) offset + dtype.byteSize()));
        byte[] now = buffer.toArray(JAVA_BYTE);
        for (int i = own.nextClearBit(0); i < now.length; i = own.nextClearBit(i + 1)) {
            assertThat(now[i])
                    .as("byte %d of the buffer around %s, which begins at %d", i, name, first * dtype.byteSize())
                    .isEqualTo(snapshot[i]);
        }
    }

    private void snapshot() {
        snapshot = buffer.toArray(JAVA_BYTE);
    }

    private long last() {
        return (sequences - 1) * strides[0] + (tokens - 1) * strides[1] + (heads - 1) * strides[2] + channels - 1;
    }

    private interface ElementAction {
        void accept(int index, long byteOffset);
    }

    private void forEach(ElementAction action) {
        int index = 0;
        for (int s = 0; s < sequences; s++) {
            for (int t = 0; t < tokens; t++) {
                for (int h = 0; h < heads; h++) {
                    long base = first + s * strides[0] + t * strides[1] + h * strides[2];
                    for (int c = 0; c < channels; c++) {
                        action.accept(index++, (base + c) * dtype.byteSize());
                    }
                }
            }
        }
    }

    private void put(long offset, float value) {
        switch (dtype) {
            case F32 -> buffer.set(JAVA_FLOAT, offset, value);
            case F16 -> buffer.set(JAVA_SHORT, offset, Float.floatToFloat16(value));
            default -> buffer.set(JAVA_SHORT, offset, (short) (Float.floatToRawIntBits(value) >>> 16));
        }
    }

    private float get(long offset) {
        return switch (dtype) {
            case F32 -> buffer.get(JAVA_FLOAT, offset);
            case F16 -> Float.float16ToFloat(buffer.get(JAVA_SHORT, offset));
            default -> Float.intBitsToFloat(buffer.get(JAVA_SHORT, offset) << 16);
        };
    }

    private static long[] axes(Layout layout, long batch, long token, long head, long channel, boolean flat) {
        long[] all = {batch, token, head, channel};
        return Arrays.copyOfRange(all, layout.batched() ? 0 : 1, flat ? 3 : 4);
    }
}
