package dev.moba4j.internal;

/**
 * A backend's plan. The caller sees to it that nothing runs, and that every runner is freed, when the plan is closed, and
 * only once.
 */
public interface BackendPlan {
    /** Bytes of scratch memory of one runner. */
    long workspaceBytes();

    /** Something that performs runs. Many of them may be at work at once. */
    Runner newRunner();

    /** Releases what the plan holds. */
    default void close() {}
}
