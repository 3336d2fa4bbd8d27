package dev.moba4j.internal.vector;

import dev.moba4j.PlanSpec;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.Runner;
import dev.moba4j.internal.TaskPool;

/** How the runs of one description are laid out on the engine's threads. */
final class VectorPlan implements BackendPlan {
    private final RunShape shape;
    private final TaskPool pool;

    VectorPlan(PlanSpec spec, TaskPool pool) {
        this.shape = RunShape.of(spec, pool.threads());
        this.pool = pool;
    }

    @Override
    public long workspaceBytes() {
        return shape.workspaceBytes(pool.threads());
    }

    @Override
    public Runner newRunner() {
        return new VectorRunner(shape, pool);
    }
}
