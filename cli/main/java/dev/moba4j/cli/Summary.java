package dev.moba4j.cli;

import dev.moba4j.AttentionPlan;
import dev.moba4j.EngineInfo;
import java.nio.file.Path;
import java.util.Locale;

/** The line that says what an operation did. */
final class Summary {
    private Summary() {}

    static String of(Path output, RunTimes times, EngineInfo engine, AttentionPlan plan) {
        return String.format(
                Locale.ROOT,
                "%s written; %.3f ms (%s: %s; %d thread%s)",
                output,
                times.medianOperation(),
                engine.backend(),
                plan.kernels(),
                engine.threads(),
                engine.threads() == 1 ? "" : "s");
    }
}
