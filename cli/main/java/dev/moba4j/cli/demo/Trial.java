package dev.moba4j.cli.demo;

import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.AttentionPlan;
import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.PlanSpec;
import dev.moba4j.Selection;
import dev.moba4j.Tensor;
import dev.moba4j.cli.Progress;
import dev.moba4j.cli.RunTimes;
import dev.moba4j.cli.Sequences;
import dev.moba4j.cli.UsefulWork;
import java.lang.foreign.Arena;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One way to attend to the haystack, run and timed.
 *
 * @param name what the tables call it
 * @param o attention output {@code [T, H, D]} F32
 * @param selection the blocks that were read; null for all
 * @param milliseconds median time, routing included
 * @param routeMilliseconds median time of routing alone; 0 where nothing is routed
 * @param pairs query-key pairs read, over all heads
 */
record Trial(
        String name,
        Tensor o,
        @Nullable Selection selection,
        double milliseconds,
        double routeMilliseconds,
        long pairs) {

    /**
     * MoBA.
     *
     * @param repetitions runs after the first
     */
    static Trial moba(Engine engine, Arena arena, Haystack haystack, int topK, int repetitions, boolean quiet) {
        AttentionOptions options = AttentionOptions.moba(Haystack.BLOCK_SIZE, topK);
        String name = "MoBA, top-k " + topK;
        try (Progress progress = Progress.start(name, 2 * (repetitions + 1), quiet);
                AttentionPlan plan = plan(engine, haystack, options)) {
            Tensor o = output(arena, haystack);
            Tensor selected =
                    Tensor.allocate(arena, DType.I32, o.dim(0), o.dim(1), plan.selectionWidth(haystack.inputs()));
            AttentionOutputs outputs = AttentionOutputs.of(o, null, selected);
            RunTimes times = RunTimes.measure(
                    repetitions,
                    progress,
                    control -> plan.attend(haystack.inputs(), outputs, control),
                    control -> plan.route(haystack.inputs(), selected, control));
            long pairs = UsefulWork.selectedPairs(Sequences.of(haystack.inputs()), selected, Haystack.BLOCK_SIZE, true);
            return new Trial(
                    name,
                    o,
                    new Selection(selected, Haystack.BLOCK_SIZE),
                    times.medianOperation(),
                    times.medianBeside(),
                    pairs);
        }
    }

    /** Full attention, run once. */
    static Trial full(Engine engine, Arena arena, Haystack haystack, boolean quiet) {
        String name = "full attention";
        try (Progress progress = Progress.start(name, 1, quiet);
                AttentionPlan plan = plan(engine, haystack, AttentionOptions.fullAttention())) {
            Tensor o = output(arena, haystack);
            RunTimes times = RunTimes.measure(
                    0, progress, control -> plan.attend(haystack.inputs(), AttentionOutputs.of(o), control), null);
            long pairs = UsefulWork.fullPairs(Sequences.of(haystack.inputs()), o.dim(1), true);
            return new Trial(name, o, null, times.medianOperation(), 0, pairs);
        }
    }

    private static AttentionPlan plan(Engine engine, Haystack haystack, AttentionOptions options) {
        return engine.plan(PlanSpec.forTensors(
                haystack.inputs().q(), haystack.inputs().k(), haystack.inputs().v(), null, options));
    }

    private static Tensor output(Arena arena, Haystack haystack) {
        return Tensor.allocate(arena, DType.F32, haystack.inputs().q().shape());
    }

    /** Useful arithmetic per second. */
    double gflops() {
        return UsefulWork.attention(pairs, o.dim(2), o.dim(2)) / (milliseconds / 1e3);
    }

    /** The selection of a trial that has one. */
    Selection requireSelection() {
        return Objects.requireNonNull(selection, name + " selects nothing");
    }
}
