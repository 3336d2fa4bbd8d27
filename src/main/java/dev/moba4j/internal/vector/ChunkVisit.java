package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.CHAIN;
import static dev.moba4j.internal.vector.Lanes.PANEL;
import static dev.moba4j.internal.vector.Lanes.STEP;
import static dev.moba4j.internal.vector.Lanes.TILE;

import java.util.Arrays;

/**
 * Attention of the rows that selected a chunk to that chunk, merged into the rows' running state. Lanes never mix: what a
 * row receives does not depend on the rows that share its panel. Memory of one thread.
 *
 * <pre>
 *   S = K Q^T             score tiles, one step of keys at a time
 *   P = exp(S - m)        m the running maximum of each query
 *   O = correction O + V^T P
 *   state += (O, m, l)    after at most 512 keys
 * </pre>
 */
final class ChunkVisit {
    private final int headDim;
    private final int valuePitch;
    private final Transposition transposition = new Transposition();
    private final float[] queries;
    private final float[] scores = new float[STEP * PANEL];
    private final float[] output;
    private final int[] limits = new int[PANEL];
    private final PanelSoftmax softmax = new PanelSoftmax();
    private final PanelMerge merge;

    ChunkVisit(int headDim, int valuePitch) {
        this.headDim = headDim;
        this.valuePitch = valuePitch;
        queries = new float[headDim * PANEL];
        output = new float[valuePitch * PANEL];
        merge = new PanelMerge(valuePitch);
    }

    /**
     * Visits keys {@code firstKey .. firstKey + numKeys - 1} of the sequence.
     *
     * @param chunk where they are packed
     * @param place place of their block in the chunk
     * @param window the rows' queries, {@code [row][headDim]}
     * @param rows ascending rows of the window, {@code begin .. end - 1}, each of which sees a key
     * @param firstLimit last visible key of the window's row 0 within the sequence
     * @param limitStep 1 when causal, else 0
     */
    void visit(
            SequenceLayout sequence,
            PackedChunk chunk,
            int place,
            int firstKey,
            int numKeys,
            float[] window,
            int[] rows,
            int begin,
            int end,
            int firstLimit,
            int limitStep,
            float scale,
            RowState state) {
        int keysBegin = place * sequence.keyPitch() * headDim;
        int valuesBegin = place * sequence.blockSize() * valuePitch;
        int finiteBegin = place * Math.ceilDiv(sequence.blockSize(), STEP);
        for (int row = begin; row < end; row += PANEL) {
            int count = Math.min(PANEL, end - row);
            int smallest = numKeys - 1;
            for (int query = 0; query < PANEL; query++) {
                long limit = firstLimit + (long) limitStep * rows[row + Math.min(query, count - 1)] - firstKey;
                limits[query] = Math.clamp(limit, -1, numKeys - 1);
                smallest = Math.min(smallest, limits[query]);
            }
            int visible = limits[count - 1] + 1;
            transposition.gather(window, headDim, rows, row, count, queries);
            softmax.begin();
            Arrays.fill(output, 0);
            for (int step = 0; step < visible; step += STEP) {
                int packed = Math.min(STEP, numKeys - step);
                int length = Math.min(packed, visible - step);
                score(chunk.keys, keysBegin + step * headDim, length);
                if (step + length - 1 > smallest) {
                    PanelSoftmax.mask(scores, step, length, limits);
                }
                softmax.exponentiate(scores, length, scale);
                if (step > 0) {
                    softmax.rescale(output, valuePitch);
                }
                boolean guarded = step + length - 1 > smallest && !chunk.finite[finiteBegin + step / STEP];
                addValues(chunk.values, valuesBegin + step * valuePitch, packed, length, guarded, step);
            }
            merge.merge(state, rows, row, count, scale, softmax, output);
        }
    }

    private void score(float[] keys, int begin, int length) {
        Arrays.fill(scores, 0, Lanes.roundUpToTile(length) * PANEL, 0);
        for (int key = 0; key < length; key += TILE) {
            Tile.accumulate(keys, begin + key * headDim, queries, 0, headDim, scores, key * PANEL);
        }
    }

    private void addValues(float[] values, int begin, int packed, int length, boolean guarded, int step) {
        for (int channel = 0; channel < valuePitch; channel += TILE) {
            for (int chain = 0; chain < length; chain += CHAIN) {
                int at = begin + channel * packed + chain * TILE;
                int keys = Math.min(CHAIN, length - chain);
                if (guarded) {
                    Tile.accumulateGuarded(
                            values, at, scores, chain * PANEL, keys, step + chain, limits, output, channel * PANEL);
                } else {
                    Tile.accumulate(values, at, scores, chain * PANEL, keys, output, channel * PANEL);
                }
            }
        }
    }
}
