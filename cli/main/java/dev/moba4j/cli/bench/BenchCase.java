package dev.moba4j.cli.bench;

import dev.moba4j.AttentionOptions;
import dev.moba4j.DType;
import java.util.Locale;

/**
 * What is measured: one sequence, one shape.
 *
 * @param operation what is timed
 * @param dtype of q, k, v and o
 * @param queries the last positions of the sequence: all of them, or one for a step of decoding
 * @param tokens keys
 * @param heads query heads
 * @param kvHeads key-value heads
 * @param headDim channels of q, k and v
 * @param blockSize tokens of a block; 0 for full attention
 * @param topK blocks that a query reads; 0 for full attention
 * @param causal whether later keys are hidden
 * @param threads that work on it
 */
public record BenchCase(
        Operation operation,
        DType dtype,
        long queries,
        long tokens,
        long heads,
        long kvHeads,
        long headDim,
        long blockSize,
        long topK,
        boolean causal,
        int threads) {
    private static final long KIBI = 1024;
    private static final long HEAD_DIM = 128;

    /** Causal attention of {@code tokens} queries to all of as many keys; one head, D = 128, fp32, one thread. */
    static BenchCase dense(long tokens) {
        return new BenchCase(Operation.ATTEND, DType.F32, tokens, tokens, 1, 1, HEAD_DIM, 0, 0, true, 1);
    }

    /** The same by MoBA. */
    static BenchCase moba(long tokens, long blockSize, long topK) {
        return new BenchCase(Operation.ATTEND, DType.F32, tokens, tokens, 1, 1, HEAD_DIM, blockSize, topK, true, 1);
    }

    /** Routing alone. */
    BenchCase routeAlone() {
        return new BenchCase(
                Operation.ROUTE, dtype, queries, tokens, heads, kvHeads, headDim, blockSize, topK, causal, threads);
    }

    /** For the last token alone. */
    BenchCase decode() {
        return new BenchCase(operation, dtype, 1, tokens, heads, kvHeads, headDim, blockSize, topK, causal, threads);
    }

    BenchCase with(DType other) {
        return new BenchCase(
                operation, other, queries, tokens, heads, kvHeads, headDim, blockSize, topK, causal, threads);
    }

    BenchCase withHeads(long queryHeads, long keyValueHeads) {
        return new BenchCase(
                operation,
                dtype,
                queries,
                tokens,
                queryHeads,
                keyValueHeads,
                headDim,
                blockSize,
                topK,
                causal,
                threads);
    }

    BenchCase withHeadDim(long channels) {
        return new BenchCase(
                operation, dtype, queries, tokens, heads, kvHeads, channels, blockSize, topK, causal, threads);
    }

    /** With later keys as well. */
    BenchCase notCausal() {
        return new BenchCase(
                operation, dtype, queries, tokens, heads, kvHeads, headDim, blockSize, topK, false, threads);
    }

    BenchCase withThreads(int count) {
        return new BenchCase(
                operation, dtype, queries, tokens, heads, kvHeads, headDim, blockSize, topK, causal, count);
    }

    /** Whether blocks are chosen. */
    public boolean isRouted() {
        return blockSize > 0;
    }

    /** Whether there is a single query, so that reading the keys and values is most of the work. */
    public boolean isDecode() {
        return queries == 1;
    }

    /** What the library is asked for. */
    AttentionOptions options() {
        AttentionOptions options =
                isRouted() ? AttentionOptions.moba(blockSize, topK) : AttentionOptions.fullAttention();
        return options.withCausal(causal);
    }

    /** The shape in a word: {@code moba_8k_b512_k3_2heads}; dtype and threads are told beside it. */
    public String name() {
        StringBuilder name = new StringBuilder(attention()).append('_').append(length(tokens));
        if (isRouted()) {
            name.append("_b").append(blockSize).append("_k").append(topK);
        }
        if (headDim != HEAD_DIM) {
            name.append("_d").append(headDim);
        }
        if (heads > kvHeads) {
            name.append("_gqa").append(heads / kvHeads);
        }
        if (kvHeads > 1) {
            name.append("_").append(heads).append("heads");
        }
        return name.toString();
    }

    private String attention() {
        if (operation == Operation.ROUTE) {
            return "route";
        }
        if (isDecode()) {
            return "decode";
        }
        if (isRouted()) {
            return "moba";
        }
        return causal ? "dense" : "full";
    }

    private static String length(long tokens) {
        if (tokens % (KIBI * KIBI) == 0) {
            return tokens / (KIBI * KIBI) + "m";
        }
        return tokens % KIBI == 0 ? tokens / KIBI + "k" : String.format(Locale.ROOT, "%d", tokens);
    }
}
