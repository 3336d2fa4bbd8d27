package dev.moba4j.internal;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Performs runs of a plan, one at a time, with scratch memory of its own that it keeps from run to run. Runs get validated
 * tensors, the sequences they hold, and optionally signals.
 */
public interface Runner {
    /**
     * Takes the runner for its next run.
     *
     * @param stream where that run is only enqueued; null for a run that has ended when its method returns
     * @return false if the scratch memory is still in use by a run that was enqueued before
     */
    default boolean claim(@Nullable DeviceStream stream) {
        return true;
    }

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

    /** Releases the scratch memory. */
    default void free() {}
}
