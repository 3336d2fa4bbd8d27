package dev.moba4j.internal;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** The runners of a plan: as many as were at work at the same time. Thread-safe. */
public final class RunnerPool {
    private final BackendPlan plan;
    private final ArrayDeque<Slot> idle = new ArrayDeque<>();

    /** A runner and what belongs to its run. */
    public record Slot(Runner runner, Sequences sequences) {}

    /** A pool that asks the plan for runners. */
    public RunnerPool(BackendPlan plan) {
        this.plan = plan;
    }

    /** A runner for one run, to be given back. */
    public Slot take() {
        @Nullable Slot slot;
        synchronized (idle) {
            slot = idle.poll();
        }
        return slot == null ? new Slot(plan.newRunner(), new Sequences()) : slot;
    }

    /** Ends the run of a slot. */
    public void giveBack(Slot slot) {
        synchronized (idle) {
            idle.push(slot);
        }
    }

    /** Frees every runner; nothing is taken any more. */
    public void free() {
        synchronized (idle) {
            idle.forEach(slot -> slot.runner().free());
            idle.clear();
        }
    }
}
