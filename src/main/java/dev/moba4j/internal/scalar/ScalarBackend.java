package dev.moba4j.internal.scalar;

import dev.moba4j.BackendStatus;
import dev.moba4j.BackendUnavailableException;
import dev.moba4j.EngineOptions;
import dev.moba4j.internal.Backend;
import dev.moba4j.internal.BackendEngine;
import dev.moba4j.internal.JavaEngine;
import java.util.List;

/** Plain Java; works everywhere. */
public final class ScalarBackend implements Backend {
    private static final String NAME = "scalar";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<BackendStatus> status() {
        return List.of(new BackendStatus(NAME, true, "plain Java, fp64 arithmetic"));
    }

    @Override
    public BackendEngine open(EngineOptions options) {
        if (!options.cpuTarget().equals("auto")) {
            throw new BackendUnavailableException("cpuTarget is " + options.cpuTarget()
                    + ", expected auto: the scalar backend has no instruction sets");
        }
        return new JavaEngine("java", options.resolvedThreads(), ScalarPlan::new);
    }
}
