package dev.moba4j.internal.ffm;

import dev.moba4j.BackendStatus;
import dev.moba4j.BackendUnavailableException;
import dev.moba4j.EngineOptions;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.bindings.moba_backend_info;
import dev.moba4j.bindings.moba_engine_options;
import dev.moba4j.internal.Backend;
import dev.moba4j.internal.BackendEngine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = moba_backend_info.allocate(arena);
            moba_backend_info.struct_size(info, info.byteSize());
            for (int index = 0; index < MobaLibrary.moba_backend_count(); index++) {
                NativeStatus.check(MobaLibrary.moba_backend_get(index, info));
                statuses.add(new BackendStatus(
                        moba_backend_info.name(info).getString(0),
                        moba_backend_info.available(info) != 0,
                        moba_backend_info.detail(info).getString(0)));
            }
        }
        return List.copyOf(statuses);
    }

    @Override
    public BackendEngine open(EngineOptions options) {
        NativeLibrary.require();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = moba_engine_options.allocate(arena);
            moba_engine_options.struct_size(struct, struct.byteSize());
            moba_engine_options.backend(struct, MobaLibrary.MOBA_BACKEND_CPU());
            moba_engine_options.cpu_target(struct, cpuTarget(options.cpuTarget()));
            moba_engine_options.num_threads(struct, options.resolvedThreads());
            MemorySegment handle = arena.allocate(MobaLibrary.C_POINTER);
            int status = MobaLibrary.moba_engine_create(struct, handle);
            if (status == MobaLibrary.MOBA_UNSUPPORTED()) {
                throw new BackendUnavailableException(
                        MobaLibrary.moba_last_error().getString(0));
            }
            NativeStatus.check(status);
            return new NativeEngine(handle.get(MobaLibrary.C_POINTER, 0));
        }
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
