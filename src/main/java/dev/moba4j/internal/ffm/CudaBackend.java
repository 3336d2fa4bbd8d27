package dev.moba4j.internal.ffm;

import dev.moba4j.BackendStatus;
import dev.moba4j.BackendUnavailableException;
import dev.moba4j.EngineOptions;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.internal.Backend;
import dev.moba4j.internal.BackendEngine;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The CUDA devices, by way of the C++ library, which looks for a second one beside itself. Not for "auto": its tensors are
 * in memory that the other backends cannot use.
 */
public final class CudaBackend implements Backend {
    private static final String NAME = "cuda";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public boolean isAutomatic() {
        return false;
    }

    @Override
    public List<BackendStatus> status() {
        Path library;
        try {
            library = NativeLibrary.require();
        } catch (BackendUnavailableException e) {
            return List.of(new BackendStatus(NAME, false, "needs libmoba, the library of the native backend"));
        }
        return NativeEngine.found(MobaLibrary.MOBA_BACKEND_CUDA()).stream()
                .map(status -> new BackendStatus(
                        NAME, status.available(), advised(status.detail(), status.available(), library)))
                .toList();
    }

    @Override
    public BackendEngine open(EngineOptions options) {
        Path library = NativeLibrary.require();
        if (!options.cpuTarget().equals("auto")) {
            throw new BackendUnavailableException("cpuTarget is " + options.cpuTarget()
                    + ", expected auto: the cuda backend has no instruction sets");
        }
        try {
            return new CudaEngine(
                    NativeEngine.create(
                            MobaLibrary.MOBA_BACKEND_CUDA(), MobaLibrary.MOBA_CPU_AUTO(), 0, options.deviceOrdinal()),
                    options.deviceOrdinal());
        } catch (BackendUnavailableException e) {
            throw new BackendUnavailableException(advised(e.getMessage(), false, library), e);
        }
    }

    /** Says which dependency is missing, where the library for CUDA is. */
    private static String advised(String detail, boolean available, Path library) {
        boolean there = available
                || System.getenv("MOBA_CUDA_LIBRARY") != null
                || Files.exists(library.resolveSibling(Platform.CUDA_LIBRARY_FILE));
        return there ? detail : detail + "; " + Platform.cudaJarAbsent();
    }
}
