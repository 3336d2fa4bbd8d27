package dev.moba4j.internal.vector;

import java.util.Arrays;

/**
 * Running softmax state of a window's rows: o is not yet divided by l; m is in raw scores, before the softmax scale. Where
 * rows are met very often, sums are compensated: their rounding errors are kept beside them.
 */
final class RowState {
    /** A running maximum before any score was seen; finite, so that differences are never NaN. */
    static final float LOWEST = -Float.MAX_VALUE;

    final int pitch;
    final float[] o;
    final float[] m;
    final float[] l;
    final float[] oError;
    final float[] lError;
    boolean compensated;

    /**
     * Room for a window.
     *
     * @param rows most rows
     * @param pitch value channels, rounded up to the tile
     * @param mayCompensate whether a run may need the errors
     */
    RowState(int rows, int pitch, boolean mayCompensate) {
        this.pitch = pitch;
        o = new float[rows * pitch];
        m = new float[rows];
        l = new float[rows];
        oError = new float[mayCompensate ? rows * pitch : 0];
        lError = new float[mayCompensate ? rows : 0];
    }

    void begin(int rows, boolean compensate) {
        compensated = compensate;
        Arrays.fill(o, 0, rows * pitch, 0);
        Arrays.fill(m, 0, rows, LOWEST);
        Arrays.fill(l, 0, rows, 0);
        if (compensate) {
            Arrays.fill(oError, 0, rows * pitch, 0);
            Arrays.fill(lError, 0, rows, 0);
        }
    }

    /**
     * o / l and the log-sum-exp of one row. Where all scores of a row that has keys are minus infinity, l is 0 and the
     * quotient NaN, as the formula is.
     *
     * @param result gets {@code pitch} values
     * @return the log-sum-exp
     */
    float finish(int row, boolean seesKeys, float scoreScale, float[] result) {
        if (!seesKeys) {
            Arrays.fill(result, 0, pitch, 0);
            return Float.NEGATIVE_INFINITY;
        }
        float sum = compensated ? corrected(l[row], lError[row]) : l[row];
        float inverse = 1 / sum;
        int at = row * pitch;
        if (compensated) {
            for (int channel = 0; channel < pitch; channel++) {
                result[channel] = corrected(o[at + channel], oError[at + channel]) * inverse;
            }
        } else {
            for (int channel = 0; channel < pitch; channel++) {
                result[channel] = o[at + channel] * inverse;
            }
        }
        return (float) ((double) m[row] * scoreScale * Math.log(2) + Math.log(sum));
    }

    /** The error of an infinite sum is NaN and does not count. */
    private static float corrected(float sum, float error) {
        return error == error ? sum + error : sum;
    }
}
