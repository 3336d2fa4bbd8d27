package dev.moba4j.internal;

import dev.moba4j.Device;
import dev.moba4j.PlanSpec;

/** A backend's engine. Thread-safe; the caller sees to it that nothing runs when it is closed, and only once. */
public interface BackendEngine {
    /** Code path in use, e.g. "cpu/avx512". */
    String target();

    /** Threads that work on one run, the calling thread included. */
    int threads();

    /** Processor, in the vendor's words. */
    String device();

    /** Where the tensors of its runs are. */
    default Device memoryDevice() {
        return Device.CPU;
    }

    /** Makes a plan from a checked description. */
    BackendPlan plan(PlanSpec spec);

    /** Merges validated states. */
    void mergeStates(MergeOperands operands);

    /** Releases what the engine holds. */
    void close();
}
