package dev.moba4j.internal;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** Counts the runs that use a handle, so that it is closed only between them. Thread-safe. */
public final class Liveness {
    private static final int CLOSED = -1;

    private final String handle;
    private final Function<String, RuntimeException> closedException;
    private final Function<String, RuntimeException> busyException;
    private final AtomicInteger runs = new AtomicInteger();

    /**
     * A live handle.
     *
     * @param handle what it is called in messages
     * @param closedException thrown by a use after close
     * @param busyException thrown by a close during a use
     */
    public Liveness(
            String handle,
            Function<String, RuntimeException> closedException,
            Function<String, RuntimeException> busyException) {
        this.handle = handle;
        this.closedException = closedException;
        this.busyException = busyException;
    }

    /** Begins a use, which {@link #exit} ends; throws if the handle is closed. */
    public void enter() {
        int before;
        do {
            before = runs.get();
            requireOpen(before);
        } while (!runs.compareAndSet(before, before + 1));
    }

    /** Throws if the handle is closed. */
    public void requireOpen() {
        requireOpen(runs.get());
    }

    private void requireOpen(int count) {
        if (count == CLOSED) {
            throw closedException.apply("the " + handle + " is closed, expected an open one");
        }
    }

    /** Ends a use. */
    public void exit() {
        runs.decrementAndGet();
    }

    /**
     * Closes the handle; throws if it is in use.
     *
     * @return whether this call closed it, not an earlier one
     */
    public boolean close() {
        int before = runs.compareAndExchange(0, CLOSED);
        if (before > 0) {
            throw busyException.apply("the " + handle + " is in use by " + before + (before == 1 ? " run" : " runs")
                    + " under way, expected none: close it when they have ended");
        }
        return before == 0;
    }
}
