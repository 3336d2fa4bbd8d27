package dev.moba4j.internal;

/**
 * Where each sequence of a run begins, in tokens of the packed batch; the entries of a rank-4 batch follow each other. Set
 * anew for each run, so that a run allocates none.
 */
public final class Sequences {
    private int count;
    private boolean even;
    private long evenQ;
    private long evenK;
    private long[] startsQ = {};
    private long[] startsK = {};

    /** Becomes sequences of the same lengths. */
    public void setEven(int count, long lengthQ, long lengthK) {
        this.count = count;
        even = true;
        evenQ = lengthQ;
        evenK = lengthK;
    }

    /** Becomes sequences by their beginnings: {@link #startsQ} and {@link #startsK} are to be filled. */
    public void setPacked(int count) {
        this.count = count;
        even = false;
        if (startsQ.length <= count) {
            startsQ = new long[count + 1];
            startsK = new long[count + 1];
        }
    }

    /** First query of each packed sequence, ascending, then the total; longer than that where an earlier run had more. */
    public long[] startsQ() {
        return startsQ;
    }

    /** Like {@link #startsQ}, of the keys. */
    public long[] startsK() {
        return startsK;
    }

    /** Number of sequences. */
    public int count() {
        return count;
    }

    /** First query of a sequence. */
    public long startQ(int sequence) {
        return even ? sequence * evenQ : startsQ[sequence];
    }

    /** First key of a sequence. */
    public long startK(int sequence) {
        return even ? sequence * evenK : startsK[sequence];
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
