package dev.moba4j.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --repeat} and {@code --stats}: measuring an operation. */
final class MeasureChoice {
    private static final int MAX_REPETITIONS = 1_000_000;

    @Option(
            names = "--repeat",
            paramLabel = "n",
            converter = WholeNumber.class,
            description = "Run the operation n more times after the first.")
    private @Nullable Long repeat;

    @Option(
            names = "--stats",
            paramLabel = "F.json",
            description = "Write times, work and peak memory: one entry per repetition, or the one run.")
    private @Nullable Path stats;

    /** Where measurements go, checked as {@link FileChoice#output} is; null for nowhere. */
    @Nullable
    Path stats(FileChoice files) {
        if (stats != null) {
            OutputPaths.requireWritable("--stats", stats);
            files.requireApart("--stats", stats);
        }
        return stats;
    }

    /** Runs after the first; 0 when only one was asked for. */
    int repetitions() {
        return repeat == null ? 0 : WholeNumber.within(1, MAX_REPETITIONS, "--repeat", repeat);
    }
}
