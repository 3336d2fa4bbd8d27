package dev.moba4j.internal.scalar;

import java.util.Arrays;

/** Attention of single queries over ranges of keys: softmax of the scaled scores, then the weighted sum of values. */
final class RowAttention {
    private final HeadMatrix queries;
    private final HeadMatrix keys;
    private final HeadMatrix values;
    private final double scale;

    RowAttention(HeadMatrix queries, HeadMatrix keys, HeadMatrix values, double scale) {
        this.queries = queries;
        this.keys = keys;
        this.values = values;
        this.scale = scale;
    }

    /**
     * Writes row {@code row} of {@code o}, zero if there is no key.
     *
     * @param visible key indices, ascending
     * @return the log-sum-exp, minus infinity if there is no key
     */
    double attend(int row, int[] visible, HeadMatrix o) {
        if (visible.length == 0) {
            return Double.NEGATIVE_INFINITY;
        }
        double[] weights = new double[visible.length];
        for (int i = 0; i < visible.length; i++) {
            weights[i] = scale * queries.dot(row, keys, visible[i]);
        }
        double maximum = Arrays.stream(weights).reduce(Double.NEGATIVE_INFINITY, Math::max);
        double sum = 0;
        for (int i = 0; i < visible.length; i++) {
            weights[i] = Math.exp(weights[i] - maximum);
            sum += weights[i];
        }
        int columns = values.columns();
        for (int i = 0; i < visible.length; i++) {
            for (int column = 0; column < columns; column++) {
                o.values()[row * columns + column] += weights[i] / sum * values.values()[visible[i] * columns + column];
            }
        }
        return Double.isInfinite(maximum) ? maximum : maximum + Math.log(sum);
    }
}
