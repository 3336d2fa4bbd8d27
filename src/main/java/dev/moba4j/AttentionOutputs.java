package dev.moba4j;

import org.jspecify.annotations.Nullable;

/**
 * Tensors that one run writes. They overlap neither an input nor each other, and no two of their own elements share
 * memory. Strides are free but for the channel axis of o, which has stride 1. With inputs of rank 4 each has the same
 * leading axis.
 *
 * {@snippet class="dev.moba4j.snippets.AttentionSnippetTest" region="outputs"}
 *
 * @param o attention output {@code [Tq, H, Dv]}, dtype of q
 * @param lse natural logarithm of the softmax denominators {@code [Tq, H]} F32, for {@link Engine#mergeStates}; or null
 * @param selected the selection {@code [Tq, H, K']} I32, {@code K'} = {@link AttentionPlan#selectionWidth}; or null
 */
public record AttentionOutputs(Tensor o, @Nullable Tensor lse, @Nullable Tensor selected) {

    /**
     * The attention output alone.
     *
     * @param o attention output
     * @return the outputs
     */
    public static AttentionOutputs of(Tensor o) {
        return new AttentionOutputs(o, null, null);
    }

    /**
     * Attention output and log-sum-exp.
     *
     * @param o attention output
     * @param lse log-sum-exp, or null
     * @return the outputs
     */
    public static AttentionOutputs of(Tensor o, @Nullable Tensor lse) {
        return new AttentionOutputs(o, lse, null);
    }

    /**
     * All outputs.
     *
     * @param o attention output
     * @param lse log-sum-exp, or null
     * @param selected selection, or null
     * @return the outputs
     */
    public static AttentionOutputs of(Tensor o, @Nullable Tensor lse, @Nullable Tensor selected) {
        return new AttentionOutputs(o, lse, selected);
    }
}
