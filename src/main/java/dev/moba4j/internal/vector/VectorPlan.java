package dev.moba4j.internal.vector;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.MobaOutOfMemoryException;
import dev.moba4j.PlanSpec;
import dev.moba4j.Tensor;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.RunSignals;
import dev.moba4j.internal.Sequences;
import dev.moba4j.internal.TaskPool;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** Runs on the engine's threads, with scratch arrays that the plan keeps from run to run. */
final class VectorPlan implements BackendPlan {
    private final RunShape shape;
    private final TaskPool pool;
    private final ArrayDeque<VectorScratch> idle = new ArrayDeque<>();

    VectorPlan(PlanSpec spec, TaskPool pool) {
        this.shape = RunShape.of(spec, pool.threads());
        this.pool = pool;
    }

    @Override
    public long workspaceBytes() {
        return shape.workspaceBytes(pool.threads());
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
        VectorScratch scratch = take();
        try {
            new VectorRun(shape, tensors, sequences, scratch, signals).work(pool);
        } catch (OutOfMemoryError | NegativeArraySizeException e) {
            throw new MobaOutOfMemoryException(
                    "the Java heap has no room for a workspace of " + workspaceBytes() + " bytes; raise -Xmx");
        } finally {
            giveBack(scratch);
        }
    }

    private VectorScratch take() {
        synchronized (idle) {
            VectorScratch scratch = idle.poll();
            return scratch == null ? new VectorScratch(shape, pool.threads()) : scratch;
        }
    }

    private void giveBack(VectorScratch scratch) {
        synchronized (idle) {
            idle.push(scratch);
        }
    }

    @Override
    public void close() {
        synchronized (idle) {
            idle.clear();
        }
    }
}
