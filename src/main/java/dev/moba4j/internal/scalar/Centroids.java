package dev.moba4j.internal.scalar;

import dev.moba4j.DType;
import dev.moba4j.internal.BFloat16;

/** Mean key of each block (paper, equation 6): summed in fp64, divided, rounded to fp32, then to the dtype of k. */
final class Centroids {
    private Centroids() {}

    static HeadMatrix of(HeadMatrix keys, long blockSize, DType dtype) {
        int blocks = Math.toIntExact(Math.ceilDiv(keys.rows(), blockSize));
        HeadMatrix centroids = HeadMatrix.zeros(blocks, keys.columns());
        for (int block = 0; block < blocks; block++) {
            int from = Math.toIntExact(block * blockSize);
            int to = (int) Math.min(from + blockSize, keys.rows());
            for (int column = 0; column < keys.columns(); column++) {
                double sum = 0;
                for (int key = from; key < to; key++) {
                    sum += keys.values()[key * keys.columns() + column];
                }
                centroids.values()[block * keys.columns() + column] = rounded((float) (sum / (to - from)), dtype);
            }
        }
        return centroids;
    }

    private static double rounded(float value, DType dtype) {
        return switch (dtype) {
            case F32 -> value;
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
            case BF16 -> BFloat16.toFloat(BFloat16.ofFloat(value));
            case I32, I64 -> throw new AssertionError(dtype);
        };
    }
}
