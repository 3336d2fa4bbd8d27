package dev.moba4j.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/** Progress counters and cancel flag of one run in off-heap memory, shared with native code and between threads. */
public final class RunSignals {
    private static final VarHandle COUNTER = ValueLayout.JAVA_LONG.varHandle();
    private static final VarHandle FLAG = ValueLayout.JAVA_INT.varHandle();
    private static final long TOTAL_OFFSET = Long.BYTES;
    private static final long CACHE_LINE = 64;

    private final MemorySegment progress;
    private final MemorySegment cancel;

    /**
     * Allocates the signals.
     *
     * @param arena owner of the memory, accessible to all threads
     */
    public RunSignals(Arena arena) {
        progress = arena.allocate(CACHE_LINE, CACHE_LINE);
        cancel = arena.allocate(CACHE_LINE, CACHE_LINE);
    }

    /** Two 64-bit counters: units done, units in all. */
    public MemorySegment progress() {
        return progress;
    }

    /** A 32-bit flag, not 0 once the run is to stop. */
    public MemorySegment cancelFlag() {
        return cancel;
    }

    /** Units of work done. */
    public long done() {
        return (long) COUNTER.getVolatile(progress, 0L);
    }

    /** Units of work in all; 0 before the run begins. */
    public long total() {
        return (long) COUNTER.getVolatile(progress, TOTAL_OFFSET);
    }

    /** Sets both counters at the beginning of a run. */
    public void begin(long total) {
        COUNTER.setVolatile(progress, 0L, 0L);
        COUNTER.setVolatile(progress, TOTAL_OFFSET, total);
    }

    /** Counts units as done. */
    public void advance(long units) {
        COUNTER.getAndAdd(progress, 0L, units);
    }

    /** Asks the run to stop. */
    public void cancel() {
        FLAG.setVolatile(cancel, 0L, 1);
    }

    /** Whether the run is to stop. */
    public boolean isCancelled() {
        return (int) FLAG.getVolatile(cancel, 0L) != 0;
    }
}
