package dev.moba4j.cli.demo;

import dev.moba4j.Selection;
import dev.moba4j.Tensor;
import dev.moba4j.cli.UsefulWork;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What one contestant did on one length of context.
 *
 * @param o attention output {@code [T, H, D]} F32; the contestant's next trial writes over it
 * @param selection the blocks that were read; null for all
 * @param milliseconds median time, routing included
 * @param routeMilliseconds median time of routing alone; 0 where nothing is routed
 * @param pairs query-key pairs read, over all heads
 * @param workspaceBytes scratch memory of a run
 */
record Trial(
        Tensor o,
        @Nullable Selection selection,
        double milliseconds,
        double routeMilliseconds,
        long pairs,
        long workspaceBytes) {

    /** Useful arithmetic per second. */
    double gflops() {
        return UsefulWork.attention(pairs, o.dim(2), o.dim(2)) / (milliseconds / 1e3);
    }

    /** The selection of a trial that has one. */
    Selection requireSelection() {
        return Objects.requireNonNull(selection, "full attention selects nothing");
    }
}
