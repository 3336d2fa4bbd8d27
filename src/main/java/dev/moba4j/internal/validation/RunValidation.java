package dev.moba4j.internal.validation;

import static dev.moba4j.internal.validation.TensorRequirements.accessible;
import static dev.moba4j.internal.validation.TensorRequirements.contiguousChannels;
import static dev.moba4j.internal.validation.TensorRequirements.dim;
import static dev.moba4j.internal.validation.TensorRequirements.dimOfPlan;
import static dev.moba4j.internal.validation.TensorRequirements.dtype;
import static dev.moba4j.internal.validation.TensorRequirements.present;
import static dev.moba4j.internal.validation.TensorRequirements.rank;
import static dev.moba4j.internal.validation.TensorRequirements.sameDim;
import static dev.moba4j.internal.validation.TensorRequirements.writable;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.DType;
import dev.moba4j.Device;
import dev.moba4j.PlanSpec;
import dev.moba4j.Tensor;
import dev.moba4j.internal.Sequences;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Checks the tensors of a run against its plan and against each other. Thread-safe. */
public final class RunValidation {
    private static final String OF_THE_PLAN = " of the plan";
    private static final List<String> LEADING_AXES = List.of("batch", "tokens", "heads");

    private final PlanSpec spec;
    private final Device device;
    private final AttentionOptions options;

    /**
     * Validation for the runs of one plan.
     *
     * @param spec what the plan was made from
     * @param device where the tensors are to be, cu_seqlens excepted, which the processor reads
     */
    public RunValidation(PlanSpec spec, Device device) {
        this.spec = spec;
        this.device = device;
        this.options = spec.options();
    }

    /** Throws unless the plan chooses blocks. */
    public void requireRouting() {
        requireBlocks();
        if (options.topK() == 0) {
            throw new IllegalArgumentException(
                    "topK is 0, expected at least 1: this plan only attends to given selections");
        }
    }

    /** Checks q, k and where their sequences begin, and notes the latter. */
    public void sequences(AttentionInputs in, Sequences sequences) {
        if (in == null) {
            throw new IllegalArgumentException("in is null, expected q, k and v");
        }
        checkInput("q", in.q(), in.q(), spec.heads(), "heads", spec.headDim(), "headDim");
        checkInput("k", in.k(), in.q(), spec.kvHeads(), "kvHeads", spec.headDim(), "headDim");
        requireAtMost("q", tokens(in.q()), spec.maxTokensQ(), "maxTokensQ");
        requireAtMost("k", tokens(in.k()), spec.maxTokensK(), "maxTokensK");
        SequencesReader.read(in, spec.maxSequences(), sequences);
    }

    /** Checks the arguments of route, and notes the sequences. */
    public void route(AttentionInputs in, Tensor selected, Sequences sequences) {
        requireRouting();
        sequences(in, sequences);
        checkSelected(present("selected", selected, "[Tq, H, K']"), in.q());
        checkOutputSelection(selected, sequences);
        requireApart("selected", selected, in);
    }

    /** Checks the arguments of attend, and notes the sequences. */
    public void attend(AttentionInputs in, AttentionOutputs out, Sequences sequences) {
        requireOutputs(out);
        Tensor selected = out.selected();
        if (selected != null) {
            requireBlocks();
        }
        if (!options.full()) {
            requireRouting();
        }
        sequences(in, sequences);
        checkValues(in);
        checkAttentionOutputs(in, out);
        if (selected != null) {
            checkSelected(selected, in.q());
            checkOutputSelection(selected, sequences);
            requireApart("selected", selected, in);
            requireApart("o", out.o(), "selected", selected);
            requireApart("lse", out.lse(), "selected", selected);
        }
    }

    /** Checks the arguments of attendSelected, and notes the sequences. */
    public void attendSelected(AttentionInputs in, Tensor selected, AttentionOutputs out, Sequences sequences) {
        requireBlocks();
        requireOutputs(out);
        if (out.selected() != null) {
            throw new IllegalArgumentException("out.selected() is given, expected null: the selection is an input");
        }
        sequences(in, sequences);
        checkValues(in);
        checkAttentionOutputs(in, out);
        checkSelected(present("selected", selected, "[Tq, H, K']"), in.q());
        long width = selected.dim(selected.rank() - 1);
        if (width < 1 || width > spec.maxSelected()) {
            throw new IllegalArgumentException("selected.dim(" + (selected.rank() - 1) + ") (K') is " + width
                    + ", expected 1 to " + spec.maxSelected() + " (maxSelected of the plan)");
        }
        requireApart("o", out.o(), "selected", selected);
        requireApart("lse", out.lse(), "selected", selected);
    }

    private static void requireOutputs(AttentionOutputs out) {
        if (out == null) {
            throw new IllegalArgumentException("out is null, expected o and where wanted lse and selected");
        }
    }

    private void requireBlocks() {
        if (options.full()) {
            throw new IllegalArgumentException("full is true, expected false: full attention has no selection");
        }
    }

    private void checkInput(
            String argument,
            Tensor tensor,
            Tensor q,
            long heads,
            String headsName,
            long channels,
            String channelsName) {
        present(argument, tensor, "[T, heads, channels]");
        accessible(argument, tensor, device);
        if (tensor == q && q.rank() != 3 && q.rank() != 4) {
            throw new IllegalArgumentException("q.rank() is " + q.rank()
                    + ", expected 3 (token, head, channel) or 4 (batch, token, head, channel)");
        }
        int rank = q.rank();
        rank(argument, tensor, rank, "(rank of q)");
        dtype(argument, tensor, spec.dtype(), OF_THE_PLAN);
        if (rank == 4) {
            sameDim(argument, tensor, 0, "batch", "q", q);
        }
        dimOfPlan(argument, tensor, rank - 2, headsName, heads, headsName);
        dimOfPlan(argument, tensor, rank - 1, "channels", channels, channelsName);
        contiguousChannels(argument, tensor);
    }

    private void checkValues(AttentionInputs in) {
        Tensor v = present("v", in.v(), "[Tk, G, Dv]");
        checkInput("v", v, in.q(), spec.kvHeads(), "kvHeads", spec.headDimV(), "headDimV");
        int tokenAxis = v.rank() - 3;
        sameDim("v", v, tokenAxis, "tokens", "k", in.k());
    }

    private void checkAttentionOutputs(AttentionInputs in, AttentionOutputs out) {
        Tensor q = in.q();
        Tensor o = present("o", out.o(), "[Tq, H, Dv]");
        checkInput("o", o, q, spec.heads(), "heads", spec.headDimV(), "headDimV");
        int tokenAxis = q.rank() - 3;
        sameDim("o", o, tokenAxis, "tokens", "q", q);
        writable("o", o);
        requireApart("o", o, in);
        Tensor lse = out.lse();
        if (lse != null) {
            accessible("lse", lse, device);
            rank("lse", lse, q.rank() - 1, "[.., Tq, H]");
            dtype("lse", lse, DType.F32, "");
            checkLeadingAxes("lse", lse, q);
            writable("lse", lse);
            requireApart("lse", lse, in);
            requireApart("o", o, "lse", lse);
        }
    }

    /** Checks a selection in the processor's memory with all its rows. */
    public void selection(AttentionInputs in, Tensor selected) {
        requireBlocks();
        Sequences sequences = new Sequences();
        sequences(in, sequences);
        checkSelected(present("selected", selected, "[Tq, H, K']"), in.q(), Device.CPU);
        new SelectionValidation(selected).check(sequences, options.blockSize(), options.causal());
    }

    private void checkSelected(Tensor selected, Tensor q) {
        checkSelected(selected, q, device);
    }

    private static void checkSelected(Tensor selected, Tensor q, Device expected) {
        accessible("selected", selected, expected);
        rank("selected", selected, q.rank(), "[.., Tq, H, K']");
        dtype("selected", selected, DType.I32, "");
        checkLeadingAxes("selected", selected, q);
    }

    private void checkOutputSelection(Tensor selected, Sequences sequences) {
        long width = sequences.selectionWidth(options.blockSize(), options.topK());
        dim(
                "selected",
                selected,
                selected.rank() - 1,
                "K'",
                width,
                "the smaller of topK and the most blocks of a sequence");
        writable("selected", selected);
    }

    private static void checkLeadingAxes(String argument, Tensor tensor, Tensor q) {
        int leading = q.rank() - 1;
        for (int axis = 0; axis < leading; axis++) {
            sameDim(argument, tensor, axis, LEADING_AXES.get(LEADING_AXES.size() - leading + axis), "q", q);
        }
    }

    private static void requireApart(String output, Tensor tensor, AttentionInputs in) {
        requireApart(output, tensor, "q", in.q());
        requireApart(output, tensor, "k", in.k());
        requireApart(output, tensor, "v", in.v());
        requireApart(output, tensor, "cuSeqlensQ", in.cuSeqlensQ());
        requireApart(output, tensor, "cuSeqlensK", in.cuSeqlensK());
    }

    static void requireApart(String output, @Nullable Tensor tensor, String other, @Nullable Tensor otherTensor) {
        if (tensor != null && MemoryOverlap.between(tensor, otherTensor)) {
            throw new IllegalArgumentException(
                    output + " shares memory with " + other + ", expected memory of its own");
        }
    }

    private static long tokens(Tensor tensor) {
        return tensor.rank() == 4 ? tensor.dim(0) * tensor.dim(1) : tensor.dim(0);
    }

    private static void requireAtMost(String argument, long tokens, long most, String maximum) {
        if (tokens > most) {
            throw new IllegalArgumentException(argument + " has " + tokens + " tokens, expected at most " + most + " ("
                    + maximum + OF_THE_PLAN + ")");
        }
    }
}
