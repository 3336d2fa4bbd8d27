package dev.moba4j;

import java.util.List;

/**
 * How an engine is made. Immutable.
 *
 * {@snippet class="dev.moba4j.snippets.EngineSnippetTest" region="options"}
 *
 * @param backend "auto" (the first that works of native, vector and scalar), or one of these or "cuda" by name. The tensors
 *     of "cuda" lie on a device, see {@link Engine#allocate}, so "auto" never takes it.
 * @param threads threads that work on one run, the calling thread included; 0 for every processor this process may use.
 *     Results do not depend on it. "cuda" does not use it.
 * @param cpuTarget instruction set of the native backend: "auto" (the best here), "baseline", "avx2", "avx512" or "neon"
 * @param deviceOrdinal which CUDA device "cuda" uses, as CUDA counts them; 0 for the other backends
 */
public record EngineOptions(String backend, int threads, String cpuTarget, int deviceOrdinal) {
    private static final List<String> BACKENDS = List.of("auto", "native", "cuda", "vector", "scalar");
    private static final List<String> CPU_TARGETS = List.of("auto", "baseline", "avx2", "avx512", "neon");
    private static final int MOST_THREADS = 1024;

    /**
     * Checks the options.
     *
     * @throws IllegalArgumentException if a name is unknown {@code threads} is not 0 to 1024, or {@code deviceOrdinal} is
     *     negative
     */
    public EngineOptions {
        requireOneOf("backend", backend, BACKENDS);
        requireOneOf("cpuTarget", cpuTarget, CPU_TARGETS);
        if (threads < 0 || threads > MOST_THREADS) {
            throw new IllegalArgumentException(
                    "threads is " + threads + ", expected 1 to " + MOST_THREADS + ", or 0 for all processors");
        }
        if (deviceOrdinal < 0) {
            throw new IllegalArgumentException("deviceOrdinal is " + deviceOrdinal + ", expected at least 0");
        }
    }

    /**
     * Backend "auto", all processors, best instruction set.
     *
     * @return the default options
     */
    public static EngineOptions defaults() {
        return new EngineOptions("auto", 0, "auto", 0);
    }

    /**
     * These options with another backend.
     *
     * @param backend "auto", "native", "cuda", "vector" or "scalar"
     * @return the new options
     */
    public EngineOptions withBackend(String backend) {
        return new EngineOptions(backend, threads, cpuTarget, deviceOrdinal);
    }

    /**
     * These options with another number of threads.
     *
     * @param threads threads that work on one run; 0 for all processors
     * @return the new options
     */
    public EngineOptions withThreads(int threads) {
        return new EngineOptions(backend, threads, cpuTarget, deviceOrdinal);
    }

    /**
     * These options with another instruction set.
     *
     * @param cpuTarget "auto", "baseline", "avx2", "avx512" or "neon"
     * @return the new options
     */
    public EngineOptions withCpuTarget(String cpuTarget) {
        return new EngineOptions(backend, threads, cpuTarget, deviceOrdinal);
    }

    /**
     * These options with another CUDA device.
     *
     * @param deviceOrdinal which one, from 0 on
     * @return the new options
     */
    public EngineOptions withDeviceOrdinal(int deviceOrdinal) {
        return new EngineOptions(backend, threads, cpuTarget, deviceOrdinal);
    }

    /**
     * The number of threads that {@link #threads()} stands for here.
     *
     * @return threads, at least 1; for 0 the processors this process may use, container limits respected
     */
    public int resolvedThreads() {
        return threads == 0 ? Math.min(Runtime.getRuntime().availableProcessors(), MOST_THREADS) : threads;
    }

    private static void requireOneOf(String argument, String value, List<String> known) {
        if (!known.contains(value)) {
            throw new IllegalArgumentException(
                    argument + " is \"" + value + "\", expected one of " + String.join(", ", known));
        }
    }
}
