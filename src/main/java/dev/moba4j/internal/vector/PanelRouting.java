package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.COUNT;
import static dev.moba4j.internal.vector.Lanes.FLOAT;
import static dev.moba4j.internal.vector.Lanes.INT;
import static dev.moba4j.internal.vector.Lanes.PANEL;
import static dev.moba4j.internal.vector.Lanes.STEP;
import static dev.moba4j.internal.vector.Lanes.TILE;

import dev.moba4j.AttentionOptions;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Routing of a panel: scores against all centroids, a running top-k per query, and the selection in ascending order
 * (specification, section 2). Scores live for one step only. Memory of one thread.
 */
final class PanelRouting {
    private final AttentionOptions options;
    private final int headDim;
    private final int width;
    private final Transposition transposition = new Transposition();
    private final float[] queries;
    private final float[] scores = new float[STEP * PANEL];
    private final int[] first = new int[PANEL];
    private final int[] last = new int[PANEL];
    private final int[] threshold = new int[PANEL];
    private final int[] keys = new int[COUNT];
    private final int[] rows = new int[PANEL];
    private final TopK[] best = new TopK[PANEL];
    private final long[] heaps;

    /**
     * Room for a panel.
     *
     * @param width widest selection
     */
    PanelRouting(AttentionOptions options, int headDim, int width) {
        this.options = options;
        this.headDim = headDim;
        this.width = width;
        queries = new float[headDim * PANEL];
        heaps = new long[PANEL * width];
    }

    /**
     * Routes up to PANEL rows of a window.
     *
     * @param windows the rows' queries of each head whose scores are summed, {@code [row][headDim]}
     * @param firstRow first row of the window
     * @param count number of rows
     * @param firstQuery index of the window's row 0 in the sequence
     * @param selected gets {@code selectedWidth} blocks for each row of the window
     */
    void route(
            SequenceLayout sequence,
            PackedHead packed,
            float[][] windows,
            int heads,
            int firstRow,
            int count,
            int firstQuery,
            int[] selected,
            int selectedWidth) {
        int end = 0;
        for (int query = 0; query < PANEL; query++) {
            rows[query] = firstRow + Math.min(query, count - 1);
            Eligible eligible = eligible(sequence, firstQuery + rows[query]);
            best[query] = new TopK(heaps, query * width, query < count ? eligible.places : 0);
            first[query] = eligible.sinksEnd;
            last[query] = query < count && eligible.places > 0 ? eligible.localBegin - 1 : -1;
            threshold[query] = best[query].threshold();
            end = Math.max(end, last[query] + 1);
        }
        for (int step = 0; step < end; step += STEP) {
            int blocks = Math.min(STEP, end - step);
            score(packed.centroids(sequence.firstCentroid() + step / STEP), windows, heads, count, blocks);
            enter(step, blocks);
        }
        for (int query = 0; query < count; query++) {
            write(
                    eligible(sequence, firstQuery + rows[query]),
                    best[query],
                    selected,
                    rows[query] * selectedWidth,
                    selectedWidth);
        }
    }

    /**
     * What one query may choose from: the forced blocks {@code 0 .. sinksEnd - 1} and {@code localBegin .. own} are in; those
     * between compete for {@code places}.
     */
    private record Eligible(int own, int sinksEnd, int localBegin, int places) {}

    private Eligible eligible(SequenceLayout sequence, int query) {
        int limit = sequence.lastVisibleKey(query);
        int own = limit < 0 ? -1 : Math.min(limit / sequence.blockSize(), sequence.blocks() - 1);
        int sinksEnd = (int) Math.min(options.sinkBlocks(), own + 1L);
        int localBegin = options.causal() ? (int) Math.max(own - options.localBlocks() + 1, sinksEnd) : own + 1;
        long places = Math.min(options.topK(), sequence.blocks()) - sinksEnd - (own + 1 - localBegin);
        return new Eligible(own, sinksEnd, localBegin, (int) Math.max(places, 0));
    }

    private void score(float[] centroids, float[][] windows, int heads, int count, int blocks) {
        Arrays.fill(scores, 0, Lanes.roundUpToTile(blocks) * PANEL, 0);
        for (int head = 0; head < heads; head++) {
            transposition.gather(windows[head], headDim, rows, 0, count, queries);
            for (int block = 0; block < blocks; block += TILE) {
                Tile.accumulate(centroids, block * headDim, queries, 0, headDim, scores, block * PANEL);
            }
        }
    }

    private void enter(int step, int blocks) {
        for (int lane = 0; lane < PANEL; lane += COUNT) {
            IntVector firstBlock = IntVector.fromArray(INT, first, lane);
            IntVector lastBlock = IntVector.fromArray(INT, last, lane);
            for (int block = 0; block < blocks; block++) {
                FloatVector score = FloatVector.fromArray(FLOAT, scores, block * PANEL + lane);
                IntVector key = scoreKeys(score, step + block, firstBlock, lastBlock);
                if (key.compare(VectorOperators.GT, IntVector.fromArray(INT, threshold, lane))
                        .anyTrue()) {
                    key.intoArray(keys, 0);
                    enterLanes(step + block, lane);
                }
            }
        }
    }

    private void enterLanes(int block, int lane) {
        for (int i = 0; i < COUNT; i++) {
            if (keys[i] > threshold[lane + i]) {
                best[lane + i].add(keys[i], block);
                threshold[lane + i] = best[lane + i].threshold();
            }
        }
    }

    /** Integers that order like the scores; {@link TopK#NO_SCORE} where the block is not in first .. last. */
    private static IntVector scoreKeys(FloatVector score, int block, IntVector firstBlock, IntVector lastBlock) {
        IntVector bits = score.add(0.0f).reinterpretAsInts();
        IntVector key = bits.lanewise(VectorOperators.ASHR, Integer.SIZE - 1)
                .and(Integer.MAX_VALUE)
                .lanewise(VectorOperators.XOR, bits)
                .blend(TopK.NAN_SCORE, score.compare(VectorOperators.NE, score).cast(INT));
        VectorMask<Integer> outside =
                firstBlock.compare(VectorOperators.GT, block).or(lastBlock.compare(VectorOperators.LT, block));
        return key.blend(TopK.NO_SCORE, outside);
    }

    /** Forced blocks and the best others, ascending, then -1. */
    private static void write(Eligible eligible, TopK best, int[] selected, int begin, int width) {
        int at = begin;
        for (int block = 0; block < eligible.sinksEnd; block++) {
            selected[at++] = block;
        }
        int chosen = at;
        for (int i = 0; i < best.size(); i++) {
            selected[at++] = best.block(i);
        }
        Arrays.sort(selected, chosen, at);
        for (int block = eligible.localBegin; block <= eligible.own; block++) {
            selected[at++] = block;
        }
        Arrays.fill(selected, at, begin + width, -1);
    }
}
