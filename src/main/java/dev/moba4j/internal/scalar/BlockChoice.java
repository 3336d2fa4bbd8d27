package dev.moba4j.internal.scalar;

import dev.moba4j.AttentionOptions;

/** Chooses the blocks of one query from its scores (paper, section 2.2). */
record BlockChoice(AttentionOptions options) {

    /**
     * The chosen blocks: the forced ones, then the best of the rest until there are K.
     *
     * @param scores one per block of the sequence
     * @param position the query's position among the keys, negative if it sees none
     * @return ascending block indices
     */
    int[] choose(double[] scores, long position) {
        long own = Math.floorDiv(position, options.blockSize());
        int eligible = (int) (options.causal() ? Math.min(scores.length, own + 1) : scores.length);
        boolean[] chosen = new boolean[Math.max(0, eligible)];
        int count = 0;
        for (int block = 0; block < chosen.length; block++) {
            if (isForced(block, own)) {
                chosen[block] = true;
                count++;
            }
        }
        while (count < Math.min(options.topK(), chosen.length)) {
            chosen[best(scores, chosen)] = true;
            count++;
        }
        return indicesOf(chosen, count);
    }

    private boolean isForced(int block, long own) {
        boolean sink = block < options.sinkBlocks();
        boolean local = options.causal() && block > own - options.localBlocks();
        return sink || local;
    }

    /** The block with the highest score that is not chosen yet; of equal ones the first. */
    private static int best(double[] scores, boolean[] chosen) {
        int best = -1;
        for (int block = 0; block < chosen.length; block++) {
            if (!chosen[block] && (best < 0 || ranksAbove(scores[block], scores[best]))) {
                best = block;
            }
        }
        return best;
    }

    /** NaN ranks below every number; minus zero equals zero. */
    private static boolean ranksAbove(double score, double other) {
        return score > other || (Double.isNaN(other) && !Double.isNaN(score));
    }

    private static int[] indicesOf(boolean[] chosen, int count) {
        int[] indices = new int[count];
        int next = 0;
        for (int block = 0; block < chosen.length; block++) {
            if (chosen[block]) {
                indices[next++] = block;
            }
        }
        return indices;
    }
}
