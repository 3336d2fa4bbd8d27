package dev.moba4j.internal.vector;

import dev.moba4j.PlanSpec;
import dev.moba4j.internal.BackendEngine;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.MergeOperands;
import dev.moba4j.internal.StateMerge;
import dev.moba4j.internal.TaskPool;

/** Owner of the threads that work on a run. */
final class VectorEngine implements BackendEngine {
    private final TaskPool pool;

    VectorEngine(int threads) {
        this.pool = new TaskPool(threads);
    }

    @Override
    public String target() {
        return "java/" + Lanes.FLOAT.vectorBitSize() + "-bit";
    }

    @Override
    public int threads() {
        return pool.threads();
    }

    @Override
    public String device() {
        return "Java " + Runtime.version().feature() + " on " + System.getProperty("os.arch");
    }

    @Override
    public BackendPlan plan(PlanSpec spec) {
        return new VectorPlan(spec, pool);
    }

    @Override
    public void mergeStates(MergeOperands operands) {
        StateMerge.run(operands);
    }

    @Override
    public void close() {
        pool.close();
    }
}
