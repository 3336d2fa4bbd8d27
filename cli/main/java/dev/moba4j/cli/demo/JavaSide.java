package dev.moba4j.cli.demo;

import dev.moba4j.BackendUnavailableException;
import dev.moba4j.Engine;
import dev.moba4j.EngineOptions;
import java.lang.foreign.Arena;
import org.jspecify.annotations.Nullable;

/**
 * Java on the Vector API, as a contestant beside native code with as many threads.
 *
 * @param engine null where it does not take part
 * @param absence why not, as a sentence; empty where it takes part
 */
record JavaSide(@Nullable Engine engine, String absence) implements AutoCloseable {
    private static final String BACKEND = "vector";

    /** The engine to put beside {@code other}. */
    static JavaSide beside(Engine other) {
        if (!other.info().backend().equals("native")) {
            return new JavaSide(
                    null,
                    "Java is not compared with native code: this ran on the backend "
                            + other.info().backend() + ".");
        }
        try {
            return new JavaSide(
                    Engine.open(EngineOptions.defaults()
                            .withBackend(BACKEND)
                            .withThreads(other.info().threads())),
                    "");
        } catch (BackendUnavailableException e) {
            return new JavaSide(null, "Java is not compared with native code: " + e.getMessage() + ".");
        }
    }

    /** Enters the competition, if there is an engine. */
    @Nullable
    Contestant contestant(Arena arena, Haystack haystack, boolean quiet) {
        return engine == null ? null : new Contestant(engine, arena, haystack, quiet);
    }

    @Override
    public void close() {
        if (engine != null) {
            engine.close();
        }
    }
}
