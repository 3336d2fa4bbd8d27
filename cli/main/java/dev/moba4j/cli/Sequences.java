package dev.moba4j.cli;

import dev.moba4j.AttentionInputs;
import dev.moba4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Where the sequences of a packed batch lie.
 *
 * @param queryStarts first query of each sequence, then the total
 * @param keyStarts first key of each sequence, then the total
 */
public record Sequences(long[] queryStarts, long[] keyStarts) {

    /** The sequences of inputs that have already been validated. */
    public static Sequences of(AttentionInputs inputs) {
        Tensor forKeys = inputs.cuSeqlensK() == null ? inputs.cuSeqlensQ() : inputs.cuSeqlensK();
        return new Sequences(
                starts(cuSeqlens(inputs), inputs.q().dim(0)),
                starts(forKeys, inputs.k().dim(0)));
    }

    /** Where the queries of each sequence begin, or null for one sequence. */
    static @Nullable Tensor cuSeqlens(AttentionInputs inputs) {
        return inputs.cuSeqlensQ() == null ? inputs.cuSeqlensK() : inputs.cuSeqlensQ();
    }

    private static long[] starts(@Nullable Tensor cuSeqlens, long tokens) {
        if (cuSeqlens == null) {
            return new long[] {0, tokens};
        }
        long[] starts = new long[Math.toIntExact(cuSeqlens.dim(0))];
        for (int i = 0; i < starts.length; i++) {
            starts[i] = cuSeqlens.getLong(i);
        }
        return starts;
    }

    /** Number of sequences. */
    public int count() {
        return queryStarts.length - 1;
    }

    /** Query tokens of a sequence. */
    public long queries(int sequence) {
        return queryStarts[sequence + 1] - queryStarts[sequence];
    }

    /** Key tokens of a sequence. */
    public long keys(int sequence) {
        return keyStarts[sequence + 1] - keyStarts[sequence];
    }

    /** Blocks of a sequence. */
    public long blocks(int sequence, long blockSize) {
        return Math.ceilDiv(keys(sequence), blockSize);
    }

    /** Position of a sequence's first query among its keys; negative where it has more queries than keys. */
    public long firstPosition(int sequence) {
        return keys(sequence) - queries(sequence);
    }
}
