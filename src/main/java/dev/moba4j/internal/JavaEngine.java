package dev.moba4j.internal;

import dev.moba4j.PlanSpec;
import java.util.function.BiFunction;

/** An engine in Java: threads, and a way to make plans. */
public final class JavaEngine implements BackendEngine {
    private final String target;
    private final TaskPool pool;
    private final BiFunction<PlanSpec, TaskPool, BackendPlan> plans;

    /**
     * Starts an engine.
     *
     * @param target name of the code path
     * @param threads threads that work on one run
     * @param plans makes a plan whose runs use the pool
     */
    public JavaEngine(String target, int threads, BiFunction<PlanSpec, TaskPool, BackendPlan> plans) {
        this.target = target;
        this.pool = new TaskPool(threads);
        this.plans = plans;
    }

    @Override
    public String target() {
        return target;
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
        return plans.apply(spec, pool);
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
