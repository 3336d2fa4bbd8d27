package dev.moba4j.internal.scalar;

import dev.moba4j.PlanSpec;
import dev.moba4j.internal.BackendEngine;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.MergeOperands;
import dev.moba4j.internal.StateMerge;
import dev.moba4j.internal.TaskPool;

/** Owner of the threads that work on the rows of a run. */
final class ScalarEngine implements BackendEngine {
    private final TaskPool pool;

    ScalarEngine(int threads) {
        this.pool = new TaskPool(threads);
    }

    @Override
    public String target() {
        return "java";
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
        return new ScalarPlan(spec, pool);
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
