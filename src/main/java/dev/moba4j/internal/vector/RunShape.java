package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.CHUNK;
import static dev.moba4j.internal.vector.Lanes.PANEL;

import dev.moba4j.AttentionOptions;
import dev.moba4j.PlanSpec;
import dev.moba4j.Routing;

/**
 * How the runs of a plan are cut into pieces. A run goes through the key-value heads in waves. Of each wave first keys,
 * values and centroids are packed, then windows of queries are routed and attended to, one task per (head, window). Nothing
 * of this cutting shows in the results.
 *
 * @param spec what the plan was made from
 * @param valuePitch Dv rounded up to the tile
 * @param waveHeads key-value heads packed at once
 * @param taskHeads query heads of one task: those that route together
 * @param windowRows queries of a window
 * @param mostBlocks most blocks of a sequence
 * @param widestSelection most blocks of a row
 */
record RunShape(
        PlanSpec spec,
        int valuePitch,
        int waveHeads,
        int taskHeads,
        int windowRows,
        int mostBlocks,
        int widestSelection) {

    /** Tokens packed per wave: enough tasks for all threads on short inputs, little memory on long ones. */
    private static final long WAVE_TOKENS = 32 * 1024;

    /** Merges of a row beyond which fp32 sums drift measurably. */
    private static final long MOST_PLAIN_MERGES = 32;

    private static final long DENSE_WINDOW_ROWS = 512;
    private static final long LEAST_WINDOW_ROWS = 1024;
    private static final long MOST_WINDOW_ROWS = 8192;
    private static final long MOST_WINDOW_ENTRIES = 1 << 22;
    private static final long TASKS_PER_THREAD = 6;

    static RunShape of(PlanSpec spec, int threads) {
        AttentionOptions options = spec.options();
        long tokens = Math.max(1, spec.maxTokensK());
        long waveHeads = Math.clamp(Math.ceilDiv(WAVE_TOKENS, tokens), 1, spec.kvHeads());
        long groupSize = spec.heads() / spec.kvHeads();
        long mostBlocks =
                options.full() ? 1 : Math.min(Integer.MAX_VALUE - 2, Math.ceilDiv(tokens, options.blockSize()));
        long width = options.full() ? 0 : Math.min(Math.max(options.topK(), spec.maxSelected()), mostBlocks);
        long rows = windowRows(spec, mostBlocks, width, waveHeads * groupSize, threads);
        return new RunShape(
                spec,
                Lanes.roundUpToTile((int) spec.headDimV()),
                (int) waveHeads,
                options.routing() == Routing.PER_GROUP ? (int) groupSize : 1,
                (int) rows,
                (int) mostBlocks,
                (int) width);
    }

    /** Larger windows fill the panels of sparse blocks better, but leave fewer tasks. */
    private static long windowRows(PlanSpec spec, long mostBlocks, long width, long waveHeads, int threads) {
        long rows = DENSE_WINDOW_ROWS;
        long least = 2 * PANEL;
        if (width < mostBlocks && !spec.options().full()) {
            rows = Math.clamp(4 * PANEL * mostBlocks / Math.max(width, 1), LEAST_WINDOW_ROWS, MOST_WINDOW_ROWS);
            least = LEAST_WINDOW_ROWS;
        }
        long shared = Math.ceilDiv(Math.multiplyExact(spec.maxTokensQ(), waveHeads), TASKS_PER_THREAD * threads);
        rows = Math.min(rows, Math.max(shared, least));
        rows = Math.min(rows, MOST_WINDOW_ENTRIES / Math.max(width, 1));
        rows = Math.min(rows, spec.maxTokensQ());
        return Math.max(Math.ceilDiv(rows, PANEL) * PANEL, PANEL);
    }

    int headDim() {
        return (int) spec.headDim();
    }

    int headDimV() {
        return (int) spec.headDimV();
    }

    int groupSize() {
        return (int) (spec.heads() / spec.kvHeads());
    }

    float scoreScale() {
        double scale = spec.options().softmaxScale().orElse(1 / Math.sqrt(spec.headDim()));
        return (float) (scale / Math.log(2));
    }

    /** Bytes of the arrays that one run needs at most. */
    long workspaceBytes(int threads) {
        long tokens = spec.maxTokensK();
        long blockSize = Math.max(1, spec.options().blockSize());
        long keys = tokens + (Lanes.TILE - 1) * Math.min(tokens, Math.ceilDiv(tokens, blockSize) + spec.maxSequences());
        long centroids = spec.options().full() ? 0 : Math.ceilDiv(tokens, blockSize) + spec.maxSequences() * Lanes.TILE;
        long head = (keys + centroids) * headDim() + tokens * valuePitch;
        long state = (long) valuePitch * (mayCompensate() ? 2 : 1) + (long) taskHeads * headDim();
        long thread = windowRows * (state + 2L * widestSelection) + (long) PANEL * (2L * headDim() + 2L * valuePitch);
        return Float.BYTES * (waveHeads * head + threads * (thread + mostBlocks));
    }

    /** Whether a run may meet rows so often that their sums are compensated. */
    boolean mayCompensate() {
        long perBlock = Math.ceilDiv(Math.max(spec.options().blockSize(), 1), (long) CHUNK);
        return Math.max(Math.ceilDiv(spec.maxTokensK(), (long) CHUNK), widestSelection * perBlock) > MOST_PLAIN_MERGES;
    }

    /** Whether a sequence's rows are met so often that their sums are compensated. */
    static boolean compensates(SequenceLayout sequence) {
        long merges = sequence.dense()
                ? sequence.chunks()
                : (long) sequence.mostSelected() * Math.ceilDiv(sequence.blockSize(), CHUNK);
        return merges > MOST_PLAIN_MERGES;
    }
}
