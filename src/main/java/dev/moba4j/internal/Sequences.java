package dev.moba4j.internal;

import org.jspecify.annotations.Nullable;

/** Where each sequence of a run begins, in tokens of the packed batch; the entries of a rank-4 batch follow each other. */
public final class Sequences {
    private final int count;
    private final long evenQ;
    private final long evenK;
    private final long @Nullable [] startsQ;
    private final long @Nullable [] startsK;

    private Sequences(int count, long evenQ, long evenK, long @Nullable [] startsQ, long @Nullable [] startsK) {
        this.count = count;
        this.evenQ = evenQ;
        this.evenK = evenK;
        this.startsQ = startsQ;
        this.startsK = startsK;
    }

    /** Sequences of the same lengths. */
    public static Sequences even(int count, long lengthQ, long lengthK) {
        return new Sequences(count, lengthQ, lengthK, null, null);
    }

    /**
     * Sequences by their beginnings: two ascending arrays of equal length, one entry more than sequences.
     *
     * @param startsQ first query of each sequence, then the total
     * @param startsK first key of each sequence, then the total
     */
    public static Sequences starting(long[] startsQ, long[] startsK) {
        return new Sequences(startsQ.length - 1, 0, 0, startsQ, startsK);
    }

    /** Number of sequences. */
    public int count() {
        return count;
    }

    /** First query of a sequence. */
    public long startQ(int sequence) {
        return startsQ == null ? sequence * evenQ : startsQ[sequence];
    }

    /** First key of a sequence. */
    public long startK(int sequence) {
        return startsK == null ? sequence * evenK : startsK[sequence];
    }

    /** Queries of a sequence. */
    public long lengthQ(int sequence) {
        return startQ(sequence + 1) - startQ(sequence);
    }

    /** Keys of a sequence. */
    public long lengthK(int sequence) {
        return startK(sequence + 1) - startK(sequence);
    }

    /** Blocks of a sequence. */
    public long blocks(int sequence, long blockSize) {
        return Math.ceilDiv(lengthK(sequence), blockSize);
    }

    /** {@code K'}: what a selection of at most {@code topK} blocks is wide, at least 1. */
    public long selectionWidth(long blockSize, long topK) {
        long mostBlocks = 1;
        for (int sequence = 0; sequence < count(); sequence++) {
            mostBlocks = Math.max(mostBlocks, blocks(sequence, blockSize));
        }
        return Math.min(topK, mostBlocks);
    }
}
