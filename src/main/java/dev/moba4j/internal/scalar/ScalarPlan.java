package dev.moba4j.internal.scalar;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.PlanSpec;
import dev.moba4j.Tensor;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.RunSignals;
import dev.moba4j.internal.Runner;
import dev.moba4j.internal.Sequences;
import dev.moba4j.internal.TaskPool;
import dev.moba4j.internal.validation.SelectionValidation;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Runs sequence by sequence and key-value head by key-value head: reads to the heap, computes, writes back. */
final class ScalarPlan implements BackendPlan, Runner {
    private final PlanSpec spec;
    private final AttentionOptions options;
    private final TaskPool pool;

    ScalarPlan(PlanSpec spec, TaskPool pool) {
        this.spec = spec;
        this.options = spec.options();
        this.pool = pool;
    }

    @Override
    public long workspaceBytes() {
        return 0;
    }

    @Override
    public Runner newRunner() {
        return this; // has no scratch memory
    }

    @Override
    public void route(AttentionInputs in, Sequences sequences, Tensor selected, @Nullable RunSignals signals) {
        begin(sequences, spec.kvHeads(), signals);
        forEachGroup(
                in,
                sequences,
                signals,
                (group, sequence) -> group.writeSelected(group.route(), sequence.queries(selected)));
    }

    @Override
    public void attend(AttentionInputs in, Sequences sequences, AttentionOutputs out, @Nullable RunSignals signals) {
        begin(sequences, spec.heads() + (options.full() ? 0 : spec.kvHeads()), signals);
        Tensor v = Objects.requireNonNull(in.v());
        forEachGroup(in, sequences, signals, (group, sequence) -> {
            Tensor o = sequence.queries(out.o());
            Tensor lse = out.lse() == null ? null : sequence.queries(out.lse());
            if (options.full()) {
                group.attendToAll(sequence.keys(v), o, lse);
                return;
            }
            int[][][] chosen = group.route();
            group.attendTo(chosen, sequence.keys(v), o, lse);
            if (out.selected() != null) {
                group.writeSelected(chosen, sequence.queries(out.selected()));
            }
        });
    }

    @Override
    public void attendSelected(
            AttentionInputs in,
            Sequences sequences,
            Tensor selected,
            AttentionOutputs out,
            @Nullable RunSignals signals) {
        new SelectionValidation(selected).check(sequences, options.blockSize(), options.causal());
        begin(sequences, spec.heads(), signals);
        Tensor v = Objects.requireNonNull(in.v());
        forEachGroup(in, sequences, signals, (group, sequence) -> {
            Tensor lse = out.lse() == null ? null : sequence.queries(out.lse());
            int[][][] chosen = group.readSelected(sequence.queries(selected));
            group.attendTo(chosen, sequence.keys(v), sequence.queries(out.o()), lse);
        });
    }

    /** Work on one key-value head of one sequence. */
    @FunctionalInterface
    private interface GroupWork {
        void run(HeadGroup group, SequenceViews sequence);
    }

    private void forEachGroup(AttentionInputs in, Sequences sequences, @Nullable RunSignals signals, GroupWork work) {
        for (int s = 0; s < sequences.count(); s++) {
            SequenceViews sequence = new SequenceViews(sequences, s, in.q().rank() == 4);
            for (long kvHead = 0; kvHead < spec.kvHeads(); kvHead++) {
                Tensor q = sequence.queries(in.q());
                Tensor k = sequence.keys(in.k());
                work.run(new HeadGroup(options, pool, signals, q, k, kvHead), sequence);
            }
        }
    }

    /** One unit of progress is one query of one pass over it. */
    private static void begin(Sequences sequences, long passes, @Nullable RunSignals signals) {
        if (signals == null) {
            return;
        }
        long queries = 0;
        for (int sequence = 0; sequence < sequences.count(); sequence++) {
            queries += sequences.lengthQ(sequence);
        }
        signals.begin(queries * passes);
    }
}
