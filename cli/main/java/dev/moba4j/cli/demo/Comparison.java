package dev.moba4j.cli.demo;

import dev.moba4j.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * How far two outputs are apart.
 *
 * @param largest absolute difference of any two numbers
 * @param mean absolute difference
 * @param largestAtNeedles of the rows that ask for a needle that is there; NaN without such rows
 */
record Comparison(double largest, double mean, double largestAtNeedles) {

    /**
     * Compares.
     *
     * @param a contiguous {@code [T, H, D]} F32
     * @param b the same shape
     */
    static Comparison of(Tensor a, Tensor b, List<Needle> needles) {
        double largest = 0;
        double sum = 0;
        for (long i = 0; i < a.elementCount(); i++) {
            double difference = difference(a.segment(), b.segment(), i);
            largest = Math.max(largest, difference);
            sum += difference;
        }
        double atNeedles = needles.stream()
                .filter(needle -> needle.planted() && needle.asked() < a.dim(0))
                .mapToDouble(needle -> largestInRow(a, b, needle.asked()))
                .max()
                .orElse(Double.NaN);
        return new Comparison(largest, sum / a.elementCount(), atNeedles);
    }

    private static double largestInRow(Tensor a, Tensor b, long token) {
        long row = a.dim(1) * a.dim(2);
        double largest = 0;
        for (long i = token * row; i < (token + 1) * row; i++) {
            largest = Math.max(largest, difference(a.segment(), b.segment(), i));
        }
        return largest;
    }

    private static double difference(MemorySegment a, MemorySegment b, long index) {
        return Math.abs(
                (double) a.getAtIndex(ValueLayout.JAVA_FLOAT, index) - b.getAtIndex(ValueLayout.JAVA_FLOAT, index));
    }
}
