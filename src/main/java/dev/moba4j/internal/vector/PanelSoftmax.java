package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.CHAIN;
import static dev.moba4j.internal.vector.Lanes.COUNT;
import static dev.moba4j.internal.vector.Lanes.FLOAT;
import static dev.moba4j.internal.vector.Lanes.INT;
import static dev.moba4j.internal.vector.Lanes.PANEL;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/** Softmax of one panel over the steps of a chunk; m in units of raw scores. */
final class PanelSoftmax {
    final float[] m = new float[PANEL];
    final float[] l = new float[PANEL];

    /** What earlier sums are multiplied with after {@link #exponentiate}. */
    final float[] correction = new float[PANEL];

    void begin() {
        Arrays.fill(m, RowState.LOWEST);
        Arrays.fill(l, 0);
    }

    /** Scores beyond a query's last visible key become minus infinity: no maximum, no probability. */
    static void mask(float[] scores, int firstKey, int numKeys, int[] limits) {
        for (int lane = 0; lane < PANEL; lane += COUNT) {
            IntVector limit = IntVector.fromArray(INT, limits, lane);
            for (int key = 0; key < numKeys; key++) {
                int at = key * PANEL + lane;
                VectorMask<Float> hidden = limit.lt(firstKey + key).cast(FLOAT);
                FloatVector.fromArray(FLOAT, scores, at)
                        .blend(Float.NEGATIVE_INFINITY, hidden)
                        .intoArray(scores, at);
            }
        }
    }

    /** Scores to probabilities in place; updates m and l. */
    void exponentiate(float[] scores, int numKeys, float scale) {
        for (int lane = 0; lane < PANEL; lane += COUNT) {
            FloatVector old = FloatVector.fromArray(FLOAT, m, lane);
            FloatVector maximum = old;
            for (int key = 0; key < numKeys; key++) {
                FloatVector score = FloatVector.fromArray(FLOAT, scores, key * PANEL + lane);
                maximum = maximum.blend(score, maximum.lt(score));
            }
            FloatVector factor = Exp2.of(old.sub(maximum).mul(scale));
            FloatVector sum = FloatVector.zero(FLOAT);
            for (int first = 0; first < numKeys; first += CHAIN / 2) {
                FloatVector chain = FloatVector.zero(FLOAT);
                int end = Math.min(first + CHAIN / 2, numKeys);
                for (int key = first; key < end; key++) {
                    int at = key * PANEL + lane;
                    FloatVector p = Exp2.of(FloatVector.fromArray(FLOAT, scores, at)
                            .sub(maximum)
                            .mul(scale));
                    chain = chain.add(p);
                    p.intoArray(scores, at);
                }
                sum = sum.add(chain);
            }
            maximum.intoArray(m, lane);
            factor.intoArray(correction, lane);
            FloatVector.fromArray(FLOAT, l, lane).fma(factor, sum).intoArray(l, lane);
        }
    }

    /** Multiplies {@code rows} rows of {@code [row][PANEL]} by the correction of each query. */
    void rescale(float[] output, int rows) {
        FloatVector left = FloatVector.fromArray(FLOAT, correction, 0);
        FloatVector right = FloatVector.fromArray(FLOAT, correction, COUNT);
        for (int at = 0; at < rows * PANEL; at += PANEL) {
            FloatVector.fromArray(FLOAT, output, at).mul(left).intoArray(output, at);
            FloatVector.fromArray(FLOAT, output, at + COUNT).mul(right).intoArray(output, at + COUNT);
        }
    }
}
