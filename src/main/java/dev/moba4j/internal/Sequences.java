package dev.moba4j.internal;

/** Where each sequence of a run begins, in tokens of the packed batch; the entries of a rank-4 batch follow each other. */
public final class Sequences {
    private final long[] startsQ;
    private final long[] startsK;

    /**
     * Takes two ascending arrays of equal length, one entry more than sequences.
     *
     * @param startsQ first query of each sequence, then the total
     * @param startsK first key of each sequence, then the total
     */
    public Sequences(long[] startsQ, long[] startsK) {
        this.startsQ = startsQ;
        this.startsK = startsK;
    }

    /** Number of sequences. */
    public int count() {
        return startsQ.length - 1;
    }

    /** First query of a sequence. */
    public long startQ(int sequence) {
        return startsQ[sequence];
    }

    /** First key of a sequence. */
    public long startK(int sequence) {
        return startsK[sequence];
    }

    /** Queries of a sequence. */
    public long lengthQ(int sequence) {
        return startsQ[sequence + 1] - startsQ[sequence];
    }

    /** Keys of a sequence. */
    public long lengthK(int sequence) {
        return startsK[sequence + 1] - startsK[sequence];
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
