package dev.moba4j.cli.bench;

import dev.moba4j.Tensor;
import dev.moba4j.cli.Sequences;
import dev.moba4j.cli.UsefulWork;
import java.util.HashSet;
import java.util.Set;

/** What a case cannot do without: arithmetic, and for a step of decoding the bytes of keys and values. */
final class Work {
    private static final double GIGA = 1e9;

    private Work() {}

    /** Useful GFLOP, see {@link UsefulWork}. */
    static double gflop(BenchCase which) {
        Sequences sequence = new Sequences(new long[] {0, which.queries()}, new long[] {0, which.tokens()});
        if (which.operation() == Operation.ROUTE) {
            return UsefulWork.routing(sequence, which.heads(), which.headDim(), which.blockSize(), which.causal());
        }
        long pairs = which.isRouted()
                ? UsefulWork.routedPairs(sequence, which.heads(), which.blockSize(), which.topK())
                : UsefulWork.fullPairs(sequence, which.heads(), which.causal());
        return UsefulWork.attention(pairs, which.headDim(), which.headDim());
    }

    /** GB of keys and values that attention of one query to all of them must read. */
    static double gigabytes(BenchCase which) {
        return 2.0 * which.tokens() * rowBytes(which) * which.kvHeads() / GIGA;
    }

    /**
     * GB that MoBA of one query must read: all keys for the centroids, since a run keeps none, then keys and values of the blocks
     * that the heads of a key-value head have chosen together.
     *
     * @param selected {@code [1, H, K']}
     */
    static double gigabytes(BenchCase which, Tensor selected) {
        long tokens = 0;
        for (long kvHead = 0; kvHead < which.kvHeads(); kvHead++) {
            for (long block : chosenBlocks(which, selected, kvHead)) {
                tokens += Math.min(which.blockSize(), which.tokens() - block * which.blockSize());
            }
        }
        return (which.tokens() * which.kvHeads() + 2.0 * tokens) * rowBytes(which) / GIGA;
    }

    private static Set<Long> chosenBlocks(BenchCase which, Tensor selected, long kvHead) {
        Set<Long> blocks = new HashSet<>();
        long group = which.heads() / which.kvHeads();
        for (long head = kvHead * group; head < (kvHead + 1) * group; head++) {
            for (long entry = 0; entry < selected.dim(2); entry++) {
                blocks.add(selected.getLong(0, head, entry));
            }
        }
        blocks.remove(-1L);
        return blocks;
    }

    private static long rowBytes(BenchCase which) {
        return which.headDim() * which.dtype().byteSize();
    }
}
