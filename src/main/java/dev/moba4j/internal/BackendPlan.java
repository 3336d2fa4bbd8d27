package dev.moba4j.internal;

import org.jspecify.annotations.Nullable;

/**
 * A backend's plan. The caller sees to it that nothing runs, and that every runner is freed, when the plan is closed, and
 * only once.
 */
public interface BackendPlan {
    /** Bytes of scratch memory of one runner. */
    long workspaceBytes();

    /** Which kernels serve its largest runs, in words; null if its engine's target says all. */
    default @Nullable String kernels() {
        return null;
    }

    /** Something that performs runs. Many of them may be at work at once. */
    Runner newRunner();

    /** Releases what the plan holds. */
    default void close() {}
}
