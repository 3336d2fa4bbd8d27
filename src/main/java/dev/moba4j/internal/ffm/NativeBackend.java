package dev.moba4j.internal.ffm;

import dev.moba4j.BackendStatus;
import dev.moba4j.BackendUnavailableException;
import dev.moba4j.EngineOptions;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.internal.Backend;
import dev.moba4j.internal.BackendEngine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The C++ library. */
public final class NativeBackend implements Backend {
    private static final String NAME = "native";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<BackendStatus> status() {
        Path file;
        try {
            file = NativeLibrary.require();
        } catch (BackendUnavailableException e) {
            return List.of(new BackendStatus(NAME, false, e.getMessage()));
        }
        List<BackendStatus> statuses = new ArrayList<>();
        String version = MobaLibrary.moba_version().getString(0);
        statuses.add(new BackendStatus(
                NAME, true, "libmoba " + version + ", ABI " + MobaLibrary.moba_abi_version() + ", from " + file));
        statuses.addAll(NativeEngine.found(MobaLibrary.MOBA_BACKEND_CPU()));
        return List.copyOf(statuses);
    }

    @Override
    public BackendEngine open(EngineOptions options) {
        NativeLibrary.require();
        return new NativeEngine(NativeEngine.create(
                MobaLibrary.MOBA_BACKEND_CPU(), cpuTarget(options.cpuTarget()), options.resolvedThreads(), 0));
    }

    private static int cpuTarget(String name) {
        return switch (name) {
            case "auto" -> MobaLibrary.MOBA_CPU_AUTO();
            case "baseline" -> MobaLibrary.MOBA_CPU_BASELINE();
            case "avx2" -> MobaLibrary.MOBA_CPU_AVX2();
            case "avx512" -> MobaLibrary.MOBA_CPU_AVX512();
            case "neon" -> MobaLibrary.MOBA_CPU_NEON();
            default -> throw new AssertionError(name);
        };
    }
}
