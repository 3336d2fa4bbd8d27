package dev.moba4j;

import org.jspecify.annotations.Nullable;

/**
 * Tensors that one run reads. A batch is either packed, rank 3 with {@code cuSeqlens}, or has its own leading axis, rank 4
 * without {@code cuSeqlens}; other layouts (head-major) are a matter of {@link Tensor#permute}. q, k and v share one
 * dtype of F32, F16 and BF16; their channel axis, the last, has stride 1, every other stride is free.
 *
 * {@snippet class="dev.moba4j.snippets.AttentionSnippetTest" region="inputs"}
 *
 * @param q queries {@code [Tq, H, D]} or {@code [S, Tq, H, D]}
 * @param k keys {@code [Tk, G, D]} or {@code [S, Tk, G, D]}
 * @param v values {@code [Tk, G, Dv]} or {@code [S, Tk, G, Dv]}; null where only routing is asked for
 * @param cuSeqlensQ {@code [S + 1]} I32 or I64, contiguous, ascending, first 0, last {@code Tq}: where each sequence's queries
 *     begin. Null for one sequence, or where {@code cuSeqlensK} serves for both ({@code Tq == Tk}).
 * @param cuSeqlensK the same for keys and values
 */
public record AttentionInputs(
        Tensor q, Tensor k, @Nullable Tensor v, @Nullable Tensor cuSeqlensQ, @Nullable Tensor cuSeqlensK) {

    /**
     * One sequence, or a batch of rank 4.
     *
     * @param q queries
     * @param k keys
     * @param v values; null where only routing is asked for
     * @return the inputs
     */
    public static AttentionInputs of(Tensor q, Tensor k, @Nullable Tensor v) {
        return new AttentionInputs(q, k, v, null, null);
    }

    /**
     * A packed batch whose sequences have as many queries as keys.
     *
     * @param q queries
     * @param k keys
     * @param v values; null where only routing is asked for
     * @param cuSeqlens where each sequence begins, for queries and keys alike
     * @return the inputs
     */
    public static AttentionInputs of(Tensor q, Tensor k, @Nullable Tensor v, @Nullable Tensor cuSeqlens) {
        return new AttentionInputs(q, k, v, cuSeqlens, cuSeqlens);
    }

    /**
     * These inputs as a packed batch.
     *
     * @param cuSeqlensQ where each sequence's queries begin
     * @param cuSeqlensK where each sequence's keys begin
     * @return the new inputs
     */
    public AttentionInputs withCuSeqlens(@Nullable Tensor cuSeqlensQ, @Nullable Tensor cuSeqlensK) {
        return new AttentionInputs(q, k, v, cuSeqlensQ, cuSeqlensK);
    }
}
