package dev.moba4j.internal;

import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/** The runners of a plan: as many as were at work at the same time. Thread-safe. */
public final class RunnerPool {
    private final BackendPlan plan;
    private final ArrayList<Slot> idle = new ArrayList<>();

    /** A runner and what belongs to its run. */
    public record Slot(Runner runner, Sequences sequences) {}

    /** A pool that asks the plan for runners. */
    public RunnerPool(BackendPlan plan) {
        this.plan = plan;
    }

    /**
     * A runner for one run, to be given back.
     *
     * @param stream where the run is enqueued, or null
     */
    public Slot take(@Nullable DeviceStream stream) {
        synchronized (idle) {
            for (int i = idle.size() - 1; i >= 0; i--) {
                if (idle.get(i).runner().claim(stream)) {
                    return idle.remove(i);
                }
            }
        }
        Slot slot = new Slot(plan.newRunner(), new Sequences());
        slot.runner().claim(stream);
        return slot;
    }

    /** Ends the run of a slot. */
    public void giveBack(Slot slot) {
        synchronized (idle) {
            idle.add(slot);
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
