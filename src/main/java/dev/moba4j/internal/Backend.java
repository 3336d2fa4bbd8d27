package dev.moba4j.internal;

import dev.moba4j.BackendStatus;
import dev.moba4j.EngineOptions;
import java.util.List;

/** A way to compute: found by name, or taken by "auto" if it is the first of the automatic ones that works. */
public interface Backend {
    /** Name that {@link EngineOptions#backend()} asks for. */
    String name();

    /** Whether "auto" may take it. */
    default boolean isAutomatic() {
        return true;
    }

    /** The backend itself, then its code paths, as found on this machine. */
    List<BackendStatus> status();

    /**
     * Starts an engine.
     *
     * @throws dev.moba4j.BackendUnavailableException if the backend, or the code path asked for, does not work here
     */
    BackendEngine open(EngineOptions options);
}
