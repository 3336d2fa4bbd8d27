package dev.moba4j.cli;

import dev.moba4j.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The arithmetic that an operation cannot do without, in GFLOP (10⁹ floating-point operations).
 *
 * <ul>
 *   <li>Attention: 2 (D + Dv) for each query head and key it sees in a selected block (or in any, when full).
 *   <li>Routing: 2 D for each score of a query head with the centroid of a block it may read: when causal its own block
 *       and the earlier ones, otherwise every block of its sequence. {@code --routing group} counts the same, since a
 *       group's score is the sum of its heads' scores.
 * </ul>
 */
public final class UsefulWork {
    private static final double GIGA = 1e9;

    private UsefulWork() {}

    /** GFLOP of attention over {@code pairs} query-key pairs, summed over the query heads. */
    public static double attention(long pairs, long headDim, long headDimV) {
        return 2.0 * (headDim + headDimV) * pairs / GIGA;
    }

    /** GFLOP of the routing scores. */
    public static double routing(Sequences sequences, long heads, long headDim, long blockSize, boolean causal) {
        long scores = 0;
        for (int s = 0; s < sequences.count(); s++) {
            long blocks = sequences.blocks(s, blockSize);
            for (long i = 0; i < sequences.queries(s); i++) {
                long position = sequences.firstPosition(s) + i;
                scores += causal ? Math.max(0, Math.floorDiv(position, blockSize) + 1) : blocks;
            }
        }
        return 2.0 * headDim * heads * scores / GIGA;
    }

    /** Query-key pairs of full attention, over all query heads. */
    public static long fullPairs(Sequences sequences, long heads, boolean causal) {
        long pairs = 0;
        for (int s = 0; s < sequences.count(); s++) {
            for (long i = 0; i < sequences.queries(s); i++) {
                pairs += causal ? Math.max(0, sequences.firstPosition(s) + i + 1) : sequences.keys(s);
            }
        }
        return pairs * heads;
    }

    /** Query-key pairs of causal MoBA, over all query heads: in which blocks they lie depends on the routing, how many not. */
    public static long routedPairs(Sequences sequences, long heads, long blockSize, long topK) {
        long pairs = 0;
        for (int s = 0; s < sequences.count(); s++) {
            for (long i = 0; i < sequences.queries(s); i++) {
                long position = sequences.firstPosition(s) + i;
                long earlier = Math.min(topK - 1, position / blockSize);
                pairs += position < 0 ? 0 : position % blockSize + 1 + earlier * blockSize;
            }
        }
        return pairs * heads;
    }

    /**
     * Query-key pairs of a selection, over all query heads.
     *
     * @param selected contiguous {@code [Tq, H, K']} I32
     */
    public static long selectedPairs(Sequences sequences, Tensor selected, long blockSize, boolean causal) {
        MemorySegment rows = selected.segment();
        long heads = selected.dim(1);
        long width = selected.dim(2);
        long pairs = 0;
        for (int s = 0; s < sequences.count(); s++) {
            long keys = sequences.keys(s);
            for (long i = 0; i < sequences.queries(s); i++) {
                long seen = causal ? Math.min(keys, sequences.firstPosition(s) + i + 1) : keys;
                long row = (sequences.queryStarts()[s] + i) * heads * width;
                for (long e = row; e < row + heads * width; e++) {
                    long block = rows.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, e);
                    if (block >= 0) {
                        pairs += Math.max(0, Math.min((block + 1) * blockSize, seen) - block * blockSize);
                    }
                }
            }
        }
        return pairs;
    }
}
