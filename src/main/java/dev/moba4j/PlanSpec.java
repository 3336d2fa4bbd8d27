package dev.moba4j;

import org.jspecify.annotations.Nullable;

/**
 * What stays the same from run to run, and the largest sizes a run may have. Immutable.
 *
 * {@snippet class="dev.moba4j.snippets.AttentionSnippetTest" region="spec"}
 *
 * @param dtype of q, k, v and o: F32, F16 or BF16
 * @param heads H, query heads, 1 to 2^20
 * @param kvHeads G, key-value heads; {@code H % G == 0}, query head {@code h} reads key-value head {@code h / (H / G)}
 * @param headDim D, channels of q and k, 1 to 1024
 * @param headDimV Dv, channels of v and o, 1 to 1024
 * @param maxTokensQ most query tokens of one run, all sequences together, at most 2^40
 * @param maxTokensK most key tokens of one run, all sequences together, at most 2^40
 * @param maxSequences most sequences of one run, 1 to 2^30
 * @param maxSelected widest selection that attendSelected may be given; 0 for none
 * @param options what is computed
 */
public record PlanSpec(
        DType dtype,
        long heads,
        long kvHeads,
        long headDim,
        long headDimV,
        long maxTokensQ,
        long maxTokensK,
        long maxSequences,
        long maxSelected,
        AttentionOptions options) {

    private static final long MAX_HEAD_DIM = 1024;
    private static final long MAX_HEADS = 1 << 20;
    private static final long MAX_TOKENS = 1L << 40;
    private static final long MAX_SEQUENCES = 1 << 30;

    /**
     * Checks the plan's description.
     *
     * @throws IllegalArgumentException if a value is out of its range
     */
    public PlanSpec {
        if (dtype == null || !dtype.isFloatingPoint()) {
            throw new IllegalArgumentException("dtype is " + dtype + ", expected F32, F16 or BF16");
        }
        if (options == null) {
            throw new IllegalArgumentException("options is null, expected what is to be computed");
        }
        requireRange("heads", heads, 1, MAX_HEADS);
        requireRange("kvHeads", kvHeads, 1, MAX_HEADS);
        if (heads % kvHeads != 0) {
            throw new IllegalArgumentException("kvHeads is " + kvHeads + ", expected a divisor of heads = " + heads);
        }
        requireRange("headDim", headDim, 1, MAX_HEAD_DIM);
        requireRange("headDimV", headDimV, 1, MAX_HEAD_DIM);
        requireRange("maxTokensQ", maxTokensQ, 0, MAX_TOKENS);
        requireRange("maxTokensK", maxTokensK, 0, MAX_TOKENS);
        requireRange("maxSequences", maxSequences, 1, MAX_SEQUENCES);
        requireRange("maxSelected", maxSelected, 0, Integer.MAX_VALUE);
    }

    /**
     * The plan that fits these tensors exactly.
     *
     * @param q queries {@code [Tq, H, D]} or {@code [S, Tq, H, D]}
     * @param k keys {@code [Tk, G, D]} or {@code [S, Tk, G, D]}
     * @param v values {@code [Tk, G, Dv]} or {@code [S, Tk, G, Dv]}; null where only routing is asked for
     * @param cuSeqlens {@code [S + 1]}, of queries or keys, whichever; null for one sequence or rank 4
     * @param options what is computed
     * @return the description, with {@code maxSelected} 0
     * @throws IllegalArgumentException if q or k is null, a rank is wrong or no plan fits
     */
    public static PlanSpec forTensors(
            Tensor q, Tensor k, @Nullable Tensor v, @Nullable Tensor cuSeqlens, AttentionOptions options) {
        requireTokens("q", q);
        requireTokens("k", k);
        if (v != null) {
            requireTokens("v", v);
        }
        int rank = q.rank();
        boolean batched = rank == 4;
        long sequences = batched ? Math.max(1, q.dim(0)) : 1;
        if (cuSeqlens != null) {
            sequences = Math.max(1, cuSeqlens.rank() == 1 ? cuSeqlens.dim(0) - 1 : 1);
        }
        return new PlanSpec(
                q.dtype(),
                q.dim(rank - 2),
                k.dim(k.rank() - 2),
                q.dim(rank - 1),
                v == null ? q.dim(rank - 1) : v.dim(v.rank() - 1),
                tokens(q),
                tokens(k),
                sequences,
                0,
                options);
    }

    /**
     * This description with room for given selections.
     *
     * @param maxSelected widest selection that attendSelected may be given
     * @return the new description
     */
    public PlanSpec withMaxSelected(long maxSelected) {
        return new PlanSpec(
                dtype, heads, kvHeads, headDim, headDimV, maxTokensQ, maxTokensK, maxSequences, maxSelected, options);
    }

    /**
     * This description with other maxima.
     *
     * @param maxTokensQ most query tokens of one run
     * @param maxTokensK most key tokens of one run
     * @param maxSequences most sequences of one run
     * @return the new description
     */
    public PlanSpec withMaxima(long maxTokensQ, long maxTokensK, long maxSequences) {
        return new PlanSpec(
                dtype, heads, kvHeads, headDim, headDimV, maxTokensQ, maxTokensK, maxSequences, maxSelected, options);
    }

    /**
     * This description with other options.
     *
     * @param options what is computed
     * @return the new description
     */
    public PlanSpec withOptions(AttentionOptions options) {
        return new PlanSpec(
                dtype, heads, kvHeads, headDim, headDimV, maxTokensQ, maxTokensK, maxSequences, maxSelected, options);
    }

    private static long tokens(Tensor tensor) {
        return tensor.rank() == 4 ? Math.multiplyExact(tensor.dim(0), tensor.dim(1)) : tensor.dim(0);
    }

    private static void requireTokens(String argument, @Nullable Tensor tensor) {
        if (tensor == null) {
            throw new IllegalArgumentException(argument + " is null, expected a tensor [T, heads, channels]");
        }
        if (tensor.rank() != 3 && tensor.rank() != 4) {
            throw new IllegalArgumentException(argument + ".rank() is " + tensor.rank()
                    + ", expected 3 (token, head, channel) or 4 (batch, token, head, channel)");
        }
    }

    private static void requireRange(String argument, long value, long least, long most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(argument + " is " + value + ", expected " + least + " to " + most);
        }
    }
}
