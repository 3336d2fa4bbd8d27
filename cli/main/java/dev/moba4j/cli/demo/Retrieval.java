package dev.moba4j.cli.demo;

import dev.moba4j.Tensor;

/**
 * Whether a needle's query got its value back.
 *
 * @param cosine between what came back and the value planted, the worst of the heads
 * @param error largest absolute difference between the two, over all heads
 */
record Retrieval(double cosine, double error) {
    private static final double SAME = 0.99;

    /**
     * Looks at a result.
     *
     * @param o attention output {@code [T, H, D]}
     */
    static Retrieval of(Haystack haystack, Needle needle, Tensor o) {
        double cosine = 1;
        double error = 0;
        for (int head = 0; head < Haystack.HEADS; head++) {
            float[] planted = haystack.value(needle, head);
            float[] back = o.select(0, needle.asked()).select(0, head).toFloats();
            cosine = Math.min(cosine, cosine(planted, back));
            error = Math.max(error, largestDifference(planted, back));
        }
        return new Retrieval(cosine, error);
    }

    /** Whether every head returned the planted value. */
    boolean cameBack() {
        return cosine >= SAME;
    }

    private static double cosine(float[] a, float[] b) {
        return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }

    private static double largestDifference(float[] a, float[] b) {
        double largest = 0;
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs((double) a[i] - b[i]));
        }
        return largest;
    }
}
