package dev.moba4j.internal;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A backend's plan. Runs get validated tensors, the sequences they hold, and optionally signals; many may be under way
 * at once. The caller sees to it that nothing runs when the plan is closed, and only once.
 */
public interface BackendPlan {
    /** Bytes of scratch memory that one run uses. */
    long workspaceBytes();

    /** Writes {@code selected}. */
    void route(AttentionInputs in, Sequences sequences, Tensor selected, @Nullable RunSignals signals);

    /** Routes and attends. */
    void attend(AttentionInputs in, Sequences sequences, AttentionOutputs out, @Nullable RunSignals signals);

    /** Attends to the given selection; {@code out.selected()} is null. */
    void attendSelected(
            AttentionInputs in,
            Sequences sequences,
            Tensor selected,
            AttentionOutputs out,
            @Nullable RunSignals signals);

    /** Releases what the plan holds. */
    void close();
}
