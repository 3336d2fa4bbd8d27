package dev.moba4j.internal.scalar;

import dev.moba4j.DType;
import dev.moba4j.MobaException;
import dev.moba4j.Tensor;
import dev.moba4j.internal.BFloat16;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The rows {@code [T, channels]} that one head has in one sequence, as fp64 on the heap.
 *
 * @param values row-major
 * @param rows T
 * @param columns channels
 */
record HeadMatrix(double[] values, int rows, int columns) {

    static HeadMatrix zeros(int rows, int columns) {
        long elements = (long) rows * columns;
        if (elements > Integer.MAX_VALUE) {
            throw new MobaException("a head has " + rows + " rows of " + columns
                    + " channels in one sequence, expected at most 2^31 - 1 elements for the scalar backend");
        }
        return new HeadMatrix(new double[(int) elements], rows, columns);
    }

    /** Reads {@code tensor[:, head, :]} of a sequence's view {@code [T, heads, channels]}. */
    static HeadMatrix read(Tensor tensor, long head) {
        HeadMatrix matrix = zeros((int) tensor.dim(0), (int) tensor.dim(2));
        MemorySegment memory = tensor.segment();
        for (int row = 0; row < matrix.rows; row++) {
            long offset = row * tensor.stride(0) + head * tensor.stride(1);
            for (int column = 0; column < matrix.columns; column++) {
                matrix.values[row * matrix.columns + column] = load(memory, tensor.dtype(), offset + column);
            }
        }
        return matrix;
    }

    /** Writes to {@code tensor[:, head, :]} of a sequence's view, rounded to its dtype. */
    void write(Tensor tensor, long head) {
        MemorySegment memory = tensor.segment();
        for (int row = 0; row < rows; row++) {
            long offset = row * tensor.stride(0) + head * tensor.stride(1);
            for (int column = 0; column < columns; column++) {
                store(memory, tensor.dtype(), offset + column, values[row * columns + column]);
            }
        }
    }

    /** {@code <this[row], other[otherRow]>}. */
    double dot(int row, HeadMatrix other, int otherRow) {
        double sum = 0;
        for (int column = 0; column < columns; column++) {
            sum += values[row * columns + column] * other.values[otherRow * columns + column];
        }
        return sum;
    }

    private static double load(MemorySegment memory, DType dtype, long offset) {
        return switch (dtype) {
            case F32 -> memory.getAtIndex(ValueLayout.JAVA_FLOAT, offset);
            case F16 -> Float.float16ToFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT, offset));
            case BF16 -> BFloat16.toFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT, offset));
            case I32, I64 -> throw new AssertionError(dtype);
        };
    }

    private static void store(MemorySegment memory, DType dtype, long offset, double value) {
        switch (dtype) {
            case F32 -> memory.setAtIndex(ValueLayout.JAVA_FLOAT, offset, (float) value);
            case F16 -> memory.setAtIndex(ValueLayout.JAVA_SHORT, offset, Float.floatToFloat16((float) value));
            case BF16 -> memory.setAtIndex(ValueLayout.JAVA_SHORT, offset, BFloat16.ofFloat((float) value));
            case I32, I64 -> throw new AssertionError(dtype);
        }
    }
}
