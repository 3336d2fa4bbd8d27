package dev.moba4j.cli;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.AttentionPlan;
import dev.moba4j.DType;
import dev.moba4j.PlanSpec;
import dev.moba4j.RunControl;
import dev.moba4j.Tensor;
import dev.moba4j.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One attention operation, from mapped inputs straight into the mapped output file, or by way of a device. */
final class Attention {
    private final AttentionPlan plan;
    private final Placement placement;
    private final AttentionInputs inputs;
    private final @Nullable Tensor given;
    private final @Nullable Tensor placedGiven;
    private final AttentionOutputs outputs;
    private @Nullable Tensor routed;

    /**
     * Declares the output file's tensors; its commit is the caller's.
     *
     * @param plan made from {@link #spec}
     * @param placement where the plan's engine works
     * @param ofFile the file's q, k, v and sequences
     * @param given the selection to read instead of a routed one; null to route, or for full attention
     * @param selectionOut whether the file also gets the selection
     */
    Attention(
            AttentionPlan plan,
            Placement placement,
            AttentionInputs ofFile,
            @Nullable Tensor given,
            SafetensorsWriter writer,
            boolean selectionOut)
            throws IOException {
        this.plan = plan;
        this.placement = placement;
        this.inputs = placement.inputs(ofFile);
        this.given = given;
        if (given != null && placement.isOnDevice()) {
            plan.checkSelection(inputs, given);
        }
        this.placedGiven = given == null ? null : placement.input(given);
        Tensor q = inputs.q();
        writer.declare("o", q.dtype(), q.dim(0), q.dim(1), plan.spec().headDimV());
        writer.declare("lse", DType.F32, q.dim(0), q.dim(1));
        if (selectionOut) {
            writer.declare("selected", DType.I32, given == null ? selectionShape() : given.shape());
        }
        Tensor selected = selectionOut ? writer.tensor("selected") : null;
        if (selected != null && given != null) {
            selected.segment().copyFrom(given.segment());
        }
        outputs = AttentionOutputs.of(
                placement.output(writer.tensor("o")),
                placement.output(writer.tensor("lse")),
                given != null || selected == null ? null : placement.output(selected));
    }

    /** The plan that an operation needs. */
    static PlanSpec spec(AttentionInputs inputs, @Nullable Tensor given, AttentionOptions options) {
        PlanSpec spec = PlanSpec.forTensors(inputs.q(), inputs.k(), inputs.v(), Sequences.cuSeqlens(inputs), options);
        return given == null ? spec : spec.withMaxSelected(given.dim(given.rank() - 1));
    }

    /** Runs and times, without anything beside. */
    RunTimes run(int repetitions, Progress progress) {
        return measure(repetitions, progress, null);
    }

    /**
     * Runs and times an attention that routes; routing alone is run and timed after each run.
     *
     * @param scratch memory for that routing's result
     */
    RunTimes runBesideRouting(int repetitions, Progress progress, Arena scratch) {
        routed = Tensor.allocate(scratch, DType.I32, selectionShape());
        Tensor selected = placement.output(routed);
        return measure(repetitions, progress, control -> plan.route(inputs, selected, control));
    }

    private RunTimes measure(int repetitions, Progress progress, @Nullable Consumer<RunControl> beside) {
        RunTimes times = RunTimes.measure(repetitions, progress, this::attend, beside);
        placement.finish();
        return times;
    }

    private void attend(RunControl control) {
        if (placedGiven == null) {
            plan.attend(inputs, outputs, control);
        } else {
            plan.attendSelected(inputs, placedGiven, outputs, control);
        }
    }

    /** Useful work of one run, after it; where blocks are routed, after {@link #runBesideRouting}. */
    double usefulGflop() {
        return UsefulWork.attention(pairs(), plan.spec().headDim(), plan.spec().headDimV());
    }

    private long pairs() {
        AttentionOptions options = plan.spec().options();
        Sequences sequences = Sequences.of(inputs);
        if (options.full()) {
            return UsefulWork.fullPairs(sequences, plan.spec().heads(), options.causal());
        }
        Tensor selected = Objects.requireNonNullElse(given, routed);
        return UsefulWork.selectedPairs(sequences, selected, options.blockSize(), options.causal());
    }

    private long[] selectionShape() {
        return new long[] {inputs.q().dim(0), inputs.q().dim(1), plan.selectionWidth(inputs)};
    }
}
