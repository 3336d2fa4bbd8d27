package dev.moba4j.cli.demo;

import dev.moba4j.AttentionInputs;
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
import java.util.Locale;

/** Attends to the first tokens of the haystack by one engine, and times it. */
final class Contestant {
    private final Engine engine;
    private final Haystack haystack;
    private final boolean quiet;
    private final Arena arena;
    private final Tensor o;

    /**
     * Enters the competition.
     *
     * @param arena of the output, which is as long as the haystack and used by every trial
     * @param quiet show no progress
     */
    Contestant(Engine engine, Arena arena, Haystack haystack, boolean quiet) {
        this.engine = engine;
        this.haystack = haystack;
        this.quiet = quiet;
        this.arena = arena;
        this.o = Tensor.allocate(arena, DType.F32, haystack.inputs().q().shape());
    }

    /** Name of the engine's backend. */
    String backend() {
        return engine.info().backend();
    }

    /**
     * MoBA over the first {@code tokens}.
     *
     * @param repetitions runs after the first
     */
    Trial moba(int tokens, int topK, int repetitions) {
        AttentionInputs inputs = haystack.prefix(tokens);
        AttentionOptions options = AttentionOptions.moba(Haystack.BLOCK_SIZE, topK);
        try (Progress progress = progress("MoBA", tokens, 2 * (repetitions + 1));
                AttentionPlan plan = plan(inputs, options)) {
            Tensor output = o.slice(0, 0, tokens);
            Tensor selected = Tensor.allocate(arena, DType.I32, tokens, Haystack.HEADS, plan.selectionWidth(inputs));
            AttentionOutputs outputs = AttentionOutputs.of(output, null, selected);
            RunTimes times = RunTimes.measure(
                    repetitions,
                    progress,
                    control -> plan.attend(inputs, outputs, control),
                    control -> plan.route(inputs, selected, control));
            long pairs = UsefulWork.selectedPairs(Sequences.of(inputs), selected, Haystack.BLOCK_SIZE, true);
            return new Trial(
                    output,
                    new Selection(selected, Haystack.BLOCK_SIZE),
                    times.medianOperation(),
                    times.medianBeside(),
                    pairs,
                    plan.workspaceBytes());
        }
    }

    /**
     * Attention to every key of the first {@code tokens}.
     *
     * @param repetitions runs after the first
     */
    Trial full(int tokens, int repetitions) {
        AttentionInputs inputs = haystack.prefix(tokens);
        try (Progress progress = progress("full attention", tokens, repetitions + 1);
                AttentionPlan plan = plan(inputs, AttentionOptions.fullAttention())) {
            Tensor output = o.slice(0, 0, tokens);
            RunTimes times = RunTimes.measure(
                    repetitions, progress, control -> plan.attend(inputs, AttentionOutputs.of(output), control), null);
            long pairs = UsefulWork.fullPairs(Sequences.of(inputs), Haystack.HEADS, true);
            return new Trial(output, null, times.medianOperation(), 0, pairs, plan.workspaceBytes());
        }
    }

    private Progress progress(String attention, int tokens, int steps) {
        return Progress.start(
                String.format(Locale.ROOT, "%s, %s, %,d tokens", attention, backend(), tokens), steps, quiet);
    }

    private AttentionPlan plan(AttentionInputs inputs, AttentionOptions options) {
        return engine.plan(PlanSpec.forTensors(inputs.q(), inputs.k(), inputs.v(), null, options));
    }
}
