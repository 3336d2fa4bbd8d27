package dev.moba4j.snippets;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.AttentionPlan;
import dev.moba4j.BackendUnavailableException;
import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.EngineBusyException;
import dev.moba4j.EngineClosedException;
import dev.moba4j.EngineOptions;
import dev.moba4j.MobaException;
import dev.moba4j.MobaOutOfMemoryException;
import dev.moba4j.PlanSpec;
import dev.moba4j.RunCancelledException;
import dev.moba4j.RunControl;
import dev.moba4j.Tensor;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Examples of what goes wrong, and how a caller goes on. */
class ExceptionSnippetTest extends SnippetTensors {
    private static final AttentionOptions MOBA = AttentionOptions.moba(4, 2);

    private String attendOrSay(Tensor values) {
        AttentionInputs inputs = AttentionInputs.of(q, k, values);
        AttentionOutputs outputs = AttentionOutputs.of(o);
        // @start region="moba"
        try {
            engine.attend(inputs, outputs, AttentionOptions.moba(4, 2));
            return "done";
        } catch (IllegalArgumentException e) {
            return "wrong argument: " + e.getMessage(); // names it, what it was and what was expected
        } catch (MobaException e) {
            return "it cannot be done here and now: " + e.getMessage();
        }
        // @end
    }

    @Test
    void tellsWrongArgumentsFromOtherReasons() {
        assertThat(attendOrSay(v)).isEqualTo("done");
        assertThat(attendOrSay(v.slice(0, 0, 7))).startsWith("wrong argument: v.dim(0)");
        engine.close();
        assertThat(attendOrSay(v)).startsWith("it cannot be done here and now: the engine is closed");
    }

    private static Engine openWithFallback() {
        // @start region="unavailable"
        try {
            return Engine.open(new EngineOptions("scalar", 1, "avx512", 0));
        } catch (BackendUnavailableException e) { // scalar: cpuTarget is avx512, expected auto ...
            return Engine.open();
        }
        // @end
    }

    @Test
    void fallsBack() {
        try (Engine fallback = openWithFallback()) {
            assertThat(fallback.info().reason()).isNotEqualTo("asked for by name");
        }
    }

    @Test
    @Timeout(60)
    void closesWhenTheRunHasEnded() {
        Tensor large = values(4, 8192, 4, 64);
        AttentionInputs inputs = AttentionInputs.of(large, large, large);
        AttentionOutputs outputs = AttentionOutputs.of(Tensor.allocate(arena, DType.F32, 8192, 4, 64));
        boolean busy = false;
        try (AttentionPlan plan =
                engine.plan(PlanSpec.forTensors(large, large, large, null, AttentionOptions.fullAttention()))) {
            // @start region="busy"
            CompletableFuture<Void> run = plan.attendAsync(inputs, outputs);
            try {
                engine.close();
            } catch (EngineBusyException e) { // nothing has changed: the run goes on
                busy = true;
                run.join();
                engine.close();
            }
            // @end
        }
        assertThat(busy).isTrue();
        assertThat(outputs.o().getFloat(0, 0, 0)).isEqualTo(large.getFloat(0, 0, 0));
    }

    @Test
    void refusesAfterClose() {
        AttentionInputs inputs = AttentionInputs.of(q, k, v);
        AttentionOutputs outputs = AttentionOutputs.of(o);
        String message = "";
        // @start region="closed"
        AttentionPlan plan = engine.plan(PlanSpec.forTensors(q, k, v, null, AttentionOptions.moba(4, 2)));
        plan.close();
        try {
            plan.attend(inputs, outputs);
        } catch (EngineClosedException e) {
            message = e.getMessage(); // the plan is closed, expected an open one
        }
        // @end
        assertThat(message).isEqualTo("the plan is closed, expected an open one");
    }

    @Test
    void stopsARun() {
        AttentionInputs inputs = AttentionInputs.of(q, k, v);
        AttentionOutputs outputs = AttentionOutputs.of(o);
        boolean stopped = false;
        try (AttentionPlan plan = engine.plan(PlanSpec.forTensors(q, k, v, null, MOBA))) {
            // @start region="cancelled"
            try (RunControl control = RunControl.create()) {
                control.cancel(); // from any thread
                plan.attend(inputs, outputs, control);
            } catch (RunCancelledException e) { // outputs hold unspecified values
                stopped = true;
            }
            // @end
        }
        assertThat(stopped).isTrue();
    }

    @Test
    void saysWhatMemoryIsMissing() {
        AttentionInputs inputs = AttentionInputs.of(q, k, v);
        AttentionOutputs outputs = AttentionOutputs.of(o);
        long missing = 0;
        PlanSpec fitting = PlanSpec.forTensors(q, k, v, null, MOBA);
        // @start region="memory"
        PlanSpec spec = fitting.withMaxima(1L << 40, 1L << 40, 1); // more tokens than any machine has memory for
        try (AttentionPlan plan = engine.plan(spec)) {
            try {
                plan.attend(inputs, outputs);
            } catch (MobaOutOfMemoryException e) { // smaller maxima need less
                missing = plan.workspaceBytes();
            }
        }
        // @end
        assertThat(missing).isGreaterThan(1L << 40);
    }
}
