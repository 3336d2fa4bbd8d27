package dev.moba4j.internal;

import dev.moba4j.EngineBusyException;
import dev.moba4j.EngineClosedException;
import java.util.concurrent.atomic.AtomicInteger;

/** Counts the uses of a handle that are under way, so that it is closed only between them. Thread-safe. */
public final class Liveness {
    private static final int CLOSED = -1;

    private final String handle;
    private final AtomicInteger uses = new AtomicInteger();

    /**
     * A live handle.
     *
     * @param handle what it is called in messages
     */
    public Liveness(String handle) {
        this.handle = handle;
    }

    /**
     * Begins a use; {@link #exit} ends it.
     *
     * @throws EngineClosedException if the handle is closed
     */
    public void enter() {
        int before;
        do {
            before = uses.get();
            if (before == CLOSED) {
                throw new EngineClosedException("the " + handle + " is closed, expected an open one");
            }
        } while (!uses.compareAndSet(before, before + 1));
    }

    /** Ends a use. */
    public void exit() {
        uses.decrementAndGet();
    }

    /**
     * Closes the handle.
     *
     * @return whether this call closed it, not an earlier one
     * @throws EngineBusyException if a use is under way
     */
    public boolean close() {
        int witness = uses.compareAndExchange(0, CLOSED);
        if (witness > 0) {
            throw new EngineBusyException("the " + handle + " has " + witness
                    + " runs under way, expected none: close it when they have ended");
        }
        return witness == 0;
    }
}
