package dev.moba4j.internal.vector;

import dev.moba4j.BackendStatus;
import dev.moba4j.BackendUnavailableException;
import dev.moba4j.EngineOptions;
import dev.moba4j.internal.Backend;
import dev.moba4j.internal.BackendEngine;
import dev.moba4j.internal.JavaEngine;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Pure Java on the Vector API, where Java was started with its incubator module. Loads no class of that module itself. */
public final class VectorBackend implements Backend {
    private static final String NAME = "vector";
    private static final String MODULE = "jdk.incubator.vector";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<BackendStatus> status() {
        String missing = whyMissing();
        return List.of(new BackendStatus(
                NAME, missing == null, missing == null ? "Vector API, " + Width.bits() + " vectors" : missing));
    }

    @Override
    public BackendEngine open(EngineOptions options) {
        String missing = whyMissing();
        if (missing != null) {
            throw new BackendUnavailableException(missing);
        }
        if (!options.cpuTarget().equals("auto")) {
            throw new BackendUnavailableException("cpuTarget is " + options.cpuTarget()
                    + ", expected auto: the vector backend uses what the JVM offers");
        }
        return new JavaEngine("java/" + Width.bits(), options.resolvedThreads(), VectorPlan::new);
    }

    private static @Nullable String whyMissing() {
        boolean resolved = ModuleLayer.boot().findModule(MODULE).isPresent();
        return resolved ? null : "the module " + MODULE + " is not there: start Java with --add-modules " + MODULE;
    }

    /** Apart, so that the module is needed only where it is known to be there. */
    private static final class Width {
        static String bits() {
            return Lanes.FLOAT.vectorBitSize() + "-bit";
        }
    }
}
