package dev.moba4j.internal.ffm;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** The scratch of a plan's runs: as many as were under way at the same time. Thread-safe. */
final class RunScratchPool {
    private final long workspaceBytes;
    private final ArrayDeque<RunScratch> idle = new ArrayDeque<>();

    RunScratchPool(long workspaceBytes) {
        this.workspaceBytes = workspaceBytes;
    }

    long workspaceBytes() {
        return workspaceBytes;
    }

    RunScratch take() {
        @Nullable RunScratch scratch;
        synchronized (idle) {
            scratch = idle.poll();
        }
        return scratch == null ? new RunScratch(workspaceBytes) : scratch;
    }

    void giveBack(RunScratch scratch) {
        synchronized (idle) {
            idle.push(scratch);
        }
    }

    /** Releases everything; nothing is taken any more. */
    void free() {
        synchronized (idle) {
            idle.forEach(RunScratch::free);
            idle.clear();
        }
    }
}
