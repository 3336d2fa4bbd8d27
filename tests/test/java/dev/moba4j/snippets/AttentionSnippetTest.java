package dev.moba4j.snippets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.AttentionPlan;
import dev.moba4j.DType;
import dev.moba4j.PlanSpec;
import dev.moba4j.Routing;
import dev.moba4j.RunControl;
import dev.moba4j.Selection;
import dev.moba4j.Tensor;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Examples of a computation: what it reads, what it writes, how it is described, watched and looked at. */
class AttentionSnippetTest extends SnippetTensors {
    private static final AttentionOptions MOBA = AttentionOptions.moba(4, 2);

    @Test
    void packsABatch() {
        // @start region="inputs"
        Tensor cuSeqlens = Tensor.ofInts(arena, new int[] {0, 10, 16}, 3); // two sequences, of 10 and of 6 tokens
        AttentionInputs packed = AttentionInputs.of(q, k, v, cuSeqlens);
        engine.attend(packed, AttentionOutputs.of(o), AttentionOptions.moba(4, 2));
        // @end
        Tensor alone = Tensor.allocate(arena, DType.F32, 6, 4, 8);
        engine.attend(
                AttentionInputs.of(q.slice(0, 10, 16), k.slice(0, 10, 16), v.slice(0, 10, 16)),
                AttentionOutputs.of(alone),
                MOBA);
        assertThat(o.slice(0, 10, 16).toFloats()).isEqualTo(alone.toFloats());
    }

    @Test
    void writesAllOutputs() {
        // @start region="outputs"
        Tensor lse = Tensor.allocate(arena, DType.F32, 16, 4); // [Tq, H]
        Tensor selected = Tensor.allocate(arena, DType.I32, 16, 4, 2); // [Tq, H, K'], K' = top-k or fewer
        AttentionOutputs outputs = AttentionOutputs.of(o, lse, selected);
        engine.attend(AttentionInputs.of(q, k, v), outputs, AttentionOptions.moba(4, 2));
        // @end
        assertThat(lse.toFloats()).doesNotContain(0);
        assertThat(selected.toInts()).startsWith(0, -1).endsWith(3);
    }

    @Test
    void describesWhatIsComputed() {
        // @start region="options"
        AttentionOptions paper = AttentionOptions.moba(512, 3); // causal, each head for itself, own block included
        AttentionOptions anchored =
                AttentionOptions.moba(128, 8).withSinkBlocks(1).withLocalBlocks(2);
        AttentionOptions encoder = AttentionOptions.fullAttention().withCausal(false);
        // @end
        assertThat(paper.causal() && paper.localBlocks() == 1).isTrue();
        assertThat(anchored.topK() - anchored.sinkBlocks() - anchored.localBlocks())
                .isEqualTo(5);
        assertThat(encoder.full() && !encoder.causal()).isTrue();
    }

    @Test
    void runsAPlan() {
        Tensor other = Tensor.allocate(arena, DType.F32, 16, 4, 8);
        AttentionInputs inputs = AttentionInputs.of(q, k, v);
        // @start region="plan"
        PlanSpec spec = PlanSpec.forTensors(q, k, v, null, AttentionOptions.moba(4, 2));
        try (AttentionPlan plan = engine.plan(spec)) {
            CompletableFuture<Void> run = plan.attendAsync(inputs, AttentionOutputs.of(other));
            plan.attend(inputs, AttentionOutputs.of(o)); // meanwhile, in this thread
            run.join();
        }
        // @end
        assertThat(o.toFloats()).isEqualTo(other.toFloats()).isNotEqualTo(new float[16 * 4 * 8]);
    }

    @Test
    void decodesWithOnePlan() {
        Tensor all = Tensor.allocate(arena, DType.F32, 16, 4, 8);
        engine.attend(AttentionInputs.of(q, k, v), AttentionOutputs.of(all), MOBA);
        // @start region="spec"
        PlanSpec decode = PlanSpec.forTensors(q, k, v, null, AttentionOptions.moba(4, 2))
                .withMaxima(1, 4096, 1); // one query token against up to 4096 keys of one sequence
        try (AttentionPlan plan = engine.plan(decode)) {
            for (long t = 0; t < 16; t++) {
                AttentionInputs step =
                        AttentionInputs.of(q.slice(0, t, t + 1), k.slice(0, 0, t + 1), v.slice(0, 0, t + 1));
                plan.attend(step, AttentionOutputs.of(o.slice(0, t, t + 1)));
            }
        }
        // @end
        assertThat(o.toFloats()).containsExactly(all.toFloats(), within(1e-6f));
    }

    @Test
    void routesByGroup() {
        Tensor selected = Tensor.allocate(arena, DType.I32, 16, 4, 2);
        // @start region="routing"
        AttentionOptions grouped = AttentionOptions.moba(4, 2).withRouting(Routing.PER_GROUP);
        engine.route(AttentionInputs.of(q, k, null), selected, grouped);
        Selection selection = new Selection(selected, 4);
        long[] head0 = selection.blocks(15, 0);
        long[] head1 = selection.blocks(15, 1); // shares kv head 0 with head 0, and so the blocks
        // @end
        assertThat(head0).hasSize(2).isEqualTo(head1);
    }

    @Test
    void readsASelection() {
        Tensor selected = Tensor.allocate(arena, DType.I32, 16, 4, 2);
        // @start region="selection"
        engine.route(AttentionInputs.of(q, k, null), selected, AttentionOptions.moba(4, 2));
        Selection selection = new Selection(selected, 4);
        long keysRead = 0;
        for (long block : selection.blocks(15, 0)) { // of token 15, head 0
            keysRead += Math.min(selection.blockSize(), 16 - block * selection.blockSize());
        }
        boolean own = selection.contains(15, 0, 15 / selection.blockSize()); // true: a query reads its own block
        // @end
        assertThat(keysRead).isEqualTo(8);
        assertThat(own).isTrue();
    }

    @Test
    void watchesARun() {
        AttentionInputs inputs = AttentionInputs.of(q, k, v);
        AttentionOutputs outputs = AttentionOutputs.of(o);
        double fraction;
        try (AttentionPlan plan = engine.plan(PlanSpec.forTensors(q, k, v, null, MOBA))) {
            // @start region="control"
            try (RunControl control = RunControl.create()) {
                CompletableFuture<Void> run = plan.attendAsync(inputs, outputs, control);
                fraction = control.fraction(); // at any time, from any thread; control.cancel() stops the run
                run.join();
                fraction = control.fraction(); // 1
            }
            // @end
        }
        assertThat(fraction).isEqualTo(1);
    }
}
