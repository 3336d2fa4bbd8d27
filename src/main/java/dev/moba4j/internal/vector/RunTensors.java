package dev.moba4j.internal.vector;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of one run.
 *
 * @param q queries
 * @param k keys
 * @param v values; null when only routing
 * @param o attention output; null when only routing
 * @param lse log-sum-exp, where wanted
 * @param given selection to follow; null to route, or for full attention
 * @param selected selection to write, where wanted
 */
record RunTensors(
        Tensor q,
        Tensor k,
        @Nullable Tensor v,
        @Nullable Tensor o,
        @Nullable Tensor lse,
        @Nullable Tensor given,
        @Nullable Tensor selected) {

    private static final Thread ANOTHER_THREAD = Thread.ofPlatform().unstarted(() -> {});

    static RunTensors route(AttentionInputs in, Tensor selected) {
        return new RunTensors(in.q(), in.k(), null, null, null, null, selected);
    }

    static RunTensors attend(AttentionInputs in, AttentionOutputs out, @Nullable Tensor given) {
        return new RunTensors(in.q(), in.k(), in.v(), out.o(), out.lse(), given, out.selected());
    }

    /** Memory of a confined arena belongs to one thread: only the caller's can work on it. */
    boolean isSharedByThreads() {
        List<Tensor> tensors = new ArrayList<>(List.of(q, k));
        for (Tensor optional : new Tensor[] {v, o, lse, given, selected}) {
            if (optional != null) {
                tensors.add(optional);
            }
        }
        return tensors.stream().allMatch(tensor -> tensor.segment().isAccessibleBy(ANOTHER_THREAD));
    }
}
