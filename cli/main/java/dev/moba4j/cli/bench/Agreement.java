package dev.moba4j.cli.bench;

import dev.moba4j.DType;
import dev.moba4j.Tensor;

/** Whether two contenders have computed the same thing, so that nothing is timed that computes something else. */
final class Agreement {
    private static final double F32_TOLERANCE = 5e-3;
    private static final double TOLERANCE_16_BITS = 2e-2;

    private Agreement() {}

    /**
     * The Frobenius norm of the difference over that of {@code reference}; rounding is far below {@link #tolerance}, another
     * mask or scale far above, and a few rows may differ where two blocks are equally good.
     */
    static double difference(Tensor result, Tensor reference) {
        double difference = 0;
        double norm = 0;
        long[] index = new long[3];
        for (index[0] = 0; index[0] < reference.dim(0); index[0]++) {
            for (index[1] = 0; index[1] < reference.dim(1); index[1]++) {
                for (index[2] = 0; index[2] < reference.dim(2); index[2]++) {
                    double expected = value(reference, index);
                    double actual = value(result, index);
                    difference += (actual - expected) * (actual - expected);
                    norm += expected * expected;
                }
            }
        }
        return Math.sqrt(difference / norm);
    }

    private static double value(Tensor tensor, long[] index) {
        return tensor.dtype() == DType.I32 ? tensor.getLong(index) : tensor.getFloat(index);
    }

    /** The largest difference that is rounding. */
    static double tolerance(DType dtype) {
        return dtype == DType.F32 ? F32_TOLERANCE : TOLERANCE_16_BITS;
    }
}
