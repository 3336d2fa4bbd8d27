package dev.moba4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * A backend under test, with the instruction set it runs on. What belongs to this platform is listed whether or not it
 * was found, so that a missing library fails the tests that use it instead of thinning them out.
 *
 * @param name name as in {@link EngineOptions}
 * @param cpuTarget instruction set as in {@link EngineOptions}; "auto" for the best
 */
record Backend(String name, String cpuTarget) {
    static final Backend SCALAR = new Backend("scalar", "auto");
    static final Backend VECTOR = new Backend("vector", "auto");
    static final Backend NATIVE = new Backend("native", "auto");
    static final Backend CUDA = new Backend("cuda", "auto");

    private static final Map<Backend, Engine> ENGINES = new ConcurrentHashMap<>();

    /** Every backend this platform must have, or, in a JVM that was started for it, the one for CUDA devices. */
    static List<Backend> all() {
        if (cudaAlone()) {
            return List.of(CUDA);
        }
        return nativeExpected() ? List.of(SCALAR, VECTOR, NATIVE) : List.of(SCALAR, VECTOR);
    }

    /** {@link #all()} and the native library's other instruction sets that this processor can run. */
    static List<Backend> allTargets() {
        List<Backend> backends = new ArrayList<>(all());
        if (nativeExpected() && !cudaAlone()) {
            backends.add(new Backend("native", "baseline"));
            Set<String> flags = processorFlags();
            if (flags.containsAll(Set.of("avx2", "fma", "f16c", "bmi2"))) {
                backends.add(new Backend("native", "avx2"));
            }
            if (flags.containsAll(Set.of("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"))) {
                backends.add(new Backend("native", "avx512"));
            }
        }
        return backends;
    }

    /** Whether the tests are run once more, over a CUDA device or its emulation. */
    static boolean cudaAlone() {
        return Boolean.getBoolean("moba4j.test.cuda");
    }

    static boolean nativeExpected() {
        return System.getProperty("os.name").equals("Linux")
                && System.getProperty("os.arch").equals("amd64");
    }

    /** A shared engine of two threads; not to be closed. */
    Engine engine() {
        return ENGINES.computeIfAbsent(this, backend -> backend.open(2));
    }

    /** A new engine; the caller closes it. */
    Engine open(int threads) {
        return Engine.open(new EngineOptions(name, threads, cpuTarget, 0));
    }

    private static Set<String> processorFlags() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("flags"))
                    .findFirst()
                    .map(line ->
                            Set.of(line.substring(line.indexOf(':') + 1).trim().split(" ")))
                    .orElse(Set.of());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return cpuTarget.equals("auto") ? name : name + "/" + cpuTarget;
    }
}
