package dev.moba4j.internal.scalar;

import dev.moba4j.PlanSpec;
import dev.moba4j.internal.BackendEngine;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.MergeOperands;

/** Owner of the threads that work on the rows of a run. */
final class ScalarEngine implements BackendEngine {
    private final RowWorkers workers;

    ScalarEngine(int threads) {
        this.workers = new RowWorkers(threads);
    }

    @Override
    public String target() {
        return "java";
    }

    @Override
    public int threads() {
        return workers.threads();
    }

    @Override
    public String device() {
        return "Java " + Runtime.version().feature() + " on " + System.getProperty("os.arch");
    }

    @Override
    public BackendPlan plan(PlanSpec spec) {
        return new ScalarPlan(spec, workers);
    }

    @Override
    public void mergeStates(MergeOperands operands) {
        StateMerge.run(operands);
    }

    @Override
    public void close() {
        workers.close();
    }
}
