package dev.moba4j.cli;

import dev.moba4j.Engine;
import dev.moba4j.EngineOptions;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --backend}, {@code --device} and {@code --threads}: where the work is done. */
public final class EngineChoice {
    private static final int MAX_THREADS = 1024;
    private static final int MAX_DEVICE = 1023;
    private static final List<String> BACKENDS = List.of("auto", "native", "cuda", "vector", "scalar");

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            defaultValue = "auto",
            description =
                    "auto, native, cuda, vector or scalar; default ${DEFAULT-VALUE} takes the fastest on the processor"
                            + " that works here.")
    private String backend = "auto";

    @Option(
            names = "--device",
            paramLabel = "N",
            converter = WholeNumber.class,
            description = "Which CUDA device, with --backend cuda; default 0.")
    private @Nullable Long device;

    @Option(
            names = "--threads",
            paramLabel = "N",
            converter = WholeNumber.class,
            description = "Threads that work on one operation; default: all processors.")
    private @Nullable Long threads;

    /** Starts the engine that was asked for; the caller closes it. */
    public Engine open() {
        if (!BACKENDS.contains(backend)) {
            throw new BadInputException(
                    "--backend is '" + backend + "', expected one of " + String.join(", ", BACKENDS));
        }
        EngineOptions options = EngineOptions.defaults().withBackend(backend);
        if (threads != null) {
            options = options.withThreads(WholeNumber.within(1, MAX_THREADS, "--threads", threads));
        }
        if (device != null) {
            if (!backend.equals("cuda")) {
                throw new BadInputException(
                        "--device is given with --backend " + backend + ", expected --backend cuda");
            }
            options = options.withDeviceOrdinal(WholeNumber.within(0, MAX_DEVICE, "--device", device));
        }
        return Engine.open(options);
    }

    /** Like {@link #open}, for tensors in the processor's memory. */
    public Engine openOnProcessor() {
        if (backend.equals("cuda")) {
            throw new BadInputException("--backend is 'cuda', expected one that works on the processor");
        }
        return open();
    }
}
