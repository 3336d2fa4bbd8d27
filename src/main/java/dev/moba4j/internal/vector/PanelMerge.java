package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.COUNT;
import static dev.moba4j.internal.vector.Lanes.FLOAT;
import static dev.moba4j.internal.vector.Lanes.PANEL;

import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;

/** Adds a panel's output and its (m, l) to the state of its rows. Memory of one thread. */
final class PanelMerge {
    private static final int[] PANEL_STRIDE =
            IntStream.range(0, COUNT).map(i -> i * PANEL).toArray();

    private final int pitch;
    private final float[] m = new float[PANEL];
    private final float[] oldWeight = new float[PANEL];
    private final float[] newWeight = new float[PANEL];

    PanelMerge(int pitch) {
        this.pitch = pitch;
    }

    /**
     * Merges.
     *
     * @param rows rows of the state, {@code count} from {@code first}
     * @param output {@code [channel][PANEL]}, relative to the maxima of {@code softmax}
     */
    void merge(RowState state, int[] rows, int first, int count, float scale, PanelSoftmax softmax, float[] output) {
        for (int query = 0; query < PANEL; query++) {
            m[query] = state.m[rows[first + Math.min(query, count - 1)]];
        }
        for (int lane = 0; lane < PANEL; lane += COUNT) {
            FloatVector old = FloatVector.fromArray(FLOAT, m, lane);
            FloatVector added = FloatVector.fromArray(FLOAT, softmax.m, lane);
            FloatVector both = old.blend(added, old.lt(added));
            Exp2.of(old.sub(both).mul(scale)).intoArray(oldWeight, lane);
            Exp2.of(added.sub(both).mul(scale)).intoArray(newWeight, lane);
            both.intoArray(m, lane);
        }
        for (int query = 0; query < count; query++) {
            int row = rows[first + query];
            state.m[row] = m[query];
            float added = softmax.l[query] * newWeight[query];
            if (state.compensated) {
                state.lError[row] *= oldWeight[query];
                float sum = state.l[row] * oldWeight[query];
                float total = sum + added;
                state.lError[row] += lost(sum, added, total);
                state.l[row] = total;
                addCompensated(state, row * pitch, output, query);
            } else {
                state.l[row] = state.l[row] * oldWeight[query] + added;
                add(state.o, row * pitch, output, query);
            }
        }
    }

    /** Channels of one query lie a panel apart. */
    private void add(float[] o, int at, float[] output, int query) {
        float old = oldWeight[query];
        float weight = newWeight[query];
        int channel = 0;
        for (; channel + COUNT <= pitch; channel += COUNT) {
            FloatVector added = FloatVector.fromArray(FLOAT, output, channel * PANEL + query, PANEL_STRIDE, 0);
            FloatVector.fromArray(FLOAT, o, at + channel)
                    .mul(old)
                    .add(added.mul(weight))
                    .intoArray(o, at + channel);
        }
        for (; channel < pitch; channel++) {
            o[at + channel] = o[at + channel] * old + output[channel * PANEL + query] * weight;
        }
    }

    private void addCompensated(RowState state, int at, float[] output, int query) {
        float old = oldWeight[query];
        float weight = newWeight[query];
        float[] o = state.o;
        float[] errors = state.oError;
        for (int channel = 0; channel < pitch; channel++) {
            float sum = o[at + channel] * old;
            float added = output[channel * PANEL + query] * weight;
            float total = sum + added;
            errors[at + channel] = errors[at + channel] * old + lost(sum, added, total);
            o[at + channel] = total;
        }
    }

    /** Rounding error of {@code total = sum + added} (Knuth's TwoSum). */
    private static float lost(float sum, float added, float total) {
        float part = total - sum;
        return (sum - (total - part)) + (added - part);
    }
}
