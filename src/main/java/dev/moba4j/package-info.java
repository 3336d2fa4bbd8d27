/**
 * Mixture of Block Attention (MoBA, arXiv 2502.13189) on off-heap tensors.
 *
 * <p>An {@link dev.moba4j.Engine} owns a backend and its threads, an {@link dev.moba4j.AttentionPlan} is made from it
 * once for dtypes, head counts, options and maxima, and a run of the plan takes the {@link dev.moba4j.Tensor}s of one
 * call. Letters in shapes: {@code Tq}, {@code Tk} query and key tokens; {@code H} query heads, {@code G} key-value
 * heads; {@code D} channels of q and k, {@code Dv} of v and o; {@code S} sequences; {@code B} block size; {@code K} top-k.
 *
 * <p>Nothing is null unless its declaration says {@code @Nullable}. Wrong arguments are answered by an
 * {@link java.lang.IllegalArgumentException} whose sentence names the argument, what it was and what was expected; nothing
 * has been computed then. Everything else that this library throws extends {@link dev.moba4j.MobaException}.
 *
 * {@snippet class="dev.moba4j.snippets.EngineSnippetTest" region="attend"}
 */
@NullMarked
package dev.moba4j;

import org.jspecify.annotations.NullMarked;
