package dev.moba4j.internal.vector;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.MobaOutOfMemoryException;
import dev.moba4j.Tensor;
import dev.moba4j.internal.RunSignals;
import dev.moba4j.internal.Runner;
import dev.moba4j.internal.Sequences;
import dev.moba4j.internal.TaskPool;
import org.jspecify.annotations.Nullable;

/** Runs on the engine's threads, with arrays that it keeps from run to run. */
final class VectorRunner implements Runner {
    private final RunShape shape;
    private final TaskPool pool;
    private final VectorScratch scratch;

    VectorRunner(RunShape shape, TaskPool pool) {
        this.shape = shape;
        this.pool = pool;
        this.scratch = new VectorScratch(shape, pool.threads());
    }

    @Override
    public void route(AttentionInputs in, Sequences sequences, Tensor selected, @Nullable RunSignals signals) {
        run(RunTensors.route(in, selected), sequences, signals);
    }

    @Override
    public void attend(AttentionInputs in, Sequences sequences, AttentionOutputs out, @Nullable RunSignals signals) {
        run(RunTensors.attend(in, out, null), sequences, signals);
    }

    @Override
    public void attendSelected(
            AttentionInputs in,
            Sequences sequences,
            Tensor selected,
            AttentionOutputs out,
            @Nullable RunSignals signals) {
        run(RunTensors.attend(in, out, selected), sequences, signals);
    }

    private void run(RunTensors tensors, Sequences sequences, @Nullable RunSignals signals) {
        try {
            new VectorRun(shape, tensors, sequences, scratch, signals).work(pool);
        } catch (OutOfMemoryError | NegativeArraySizeException e) {
            throw new MobaOutOfMemoryException("the Java heap has no room for a workspace of "
                    + shape.workspaceBytes(pool.threads()) + " bytes; raise -Xmx");
        }
    }
}
