package dev.moba4j.cli.bench;

import dev.moba4j.AttentionInputs;
import dev.moba4j.DType;
import dev.moba4j.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/**
 * Inputs of a case, uniform in [-1, 1) from a fixed seed. Steps of 1/128, which F32, F16 and BF16 all hold, so that every dtype
 * computes the same thing.
 *
 * @param q queries {@code [Tq, H, D]}
 * @param k keys {@code [Tk, G, D]}
 * @param v values {@code [Tk, G, D]}
 */
public record Operands(Tensor q, Tensor k, Tensor v) {
    private static final int STEPS = 256;
    private static final int PART = 1 << 16;
    private static final int BITS_OF_A_VALUE = 8;

    /** Makes the inputs in memory of {@code arena}, which must be shared. */
    public static Operands of(BenchCase which, Arena arena) {
        return new Operands(
                uniform(arena, 1, which.dtype(), which.queries(), which.heads(), which.headDim()),
                uniform(arena, 2, which.dtype(), which.tokens(), which.kvHeads(), which.headDim()),
                uniform(arena, 3, which.dtype(), which.tokens(), which.kvHeads(), which.headDim()));
    }

    /** As the library takes them. */
    AttentionInputs inputs() {
        return AttentionInputs.of(q, k, v);
    }

    private static Tensor uniform(Arena arena, long seed, DType dtype, long... shape) {
        float[] values = new float[STEPS];
        for (int i = 0; i < STEPS; i++) {
            values[i] = (i - STEPS / 2) / (STEPS / 2f);
        }
        Tensor steps = Tensor.ofFloats(arena, dtype, values, STEPS);
        Tensor tensor = Tensor.allocate(arena, dtype, shape);
        long parts = Math.ceilDiv(tensor.elementCount(), PART);
        LongStream.range(0, parts)
                .parallel()
                .forEach(part -> fill(tensor, part, steps.segment(), new SplittableRandom(seed << 32 | part)));
        return tensor;
    }

    private static void fill(Tensor tensor, long part, MemorySegment steps, SplittableRandom random) {
        MemorySegment memory = tensor.segment();
        boolean wide = tensor.dtype().byteSize() == Integer.BYTES;
        long end = Math.min((part + 1) * PART, tensor.elementCount());
        long bits = 0;
        for (long i = part * PART; i < end; i++) {
            bits = i % Long.BYTES == 0 ? random.nextLong() : bits >>> BITS_OF_A_VALUE;
            long step = bits & (STEPS - 1);
            if (wide) {
                memory.setAtIndex(ValueLayout.JAVA_INT, i, steps.getAtIndex(ValueLayout.JAVA_INT, step));
            } else {
                memory.setAtIndex(ValueLayout.JAVA_SHORT, i, steps.getAtIndex(ValueLayout.JAVA_SHORT, step));
            }
        }
    }
}
