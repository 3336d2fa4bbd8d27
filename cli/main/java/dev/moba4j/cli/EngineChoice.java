package dev.moba4j.cli;

import dev.moba4j.Engine;
import dev.moba4j.EngineOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --backend} and {@code --threads}: where the work is done. */
public final class EngineChoice {
    private static final int MAX_THREADS = 1024;

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            defaultValue = "auto",
            description = "auto, native, vector or scalar; default ${DEFAULT-VALUE} takes the fastest that works here.")
    private String backend = "auto";

    @Option(
            names = "--threads",
            paramLabel = "N",
            converter = WholeNumber.class,
            description = "Threads that work on one operation; default: all processors.")
    private @Nullable Long threads;

    /** Starts the engine that was asked for; the caller closes it. */
    public Engine open() {
        EngineOptions options = EngineOptions.defaults().withBackend(knownBackend());
        if (threads != null) {
            options = options.withThreads(WholeNumber.within(1, MAX_THREADS, "--threads", threads));
        }
        return Engine.open(options);
    }

    private String knownBackend() {
        return switch (backend) {
            case "auto", "native", "vector", "scalar" -> backend;
            case "cuda" ->
                throw new BadInputException(
                        "--backend: this version has no CUDA backend; expected auto, native, vector or scalar");
            default ->
                throw new BadInputException("--backend is '" + backend + "', expected auto, native, vector or scalar");
        };
    }
}
