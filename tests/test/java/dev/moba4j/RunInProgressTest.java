package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Closing, cancelling and watching a run while it is under way. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RunInProgressTest {
    private static final int HEADS = 4;
    private static final int CHANNELS = 64;

    static Stream<Backend> backends() {
        return Backend.all().stream();
    }

    /** A run of about a second in tensors of its own, on an engine of its own. */
    private static final class LongRun implements AutoCloseable {
        final Arena arena = Arena.ofShared();
        final Engine engine;
        final AttentionPlan plan;
        final AttentionInputs inputs;
        final AttentionOutputs outputs;
        final RunControl control = RunControl.create();

        LongRun(Backend backend) {
            engine = backend.open(2);
            int tokens = backend.name().equals("scalar") ? 900 : 10_000;
            Tensor q = values(tokens, 1);
            Tensor k = values(tokens, 2);
            Tensor v = values(tokens, 3);
            inputs = AttentionInputs.of(q, k, v);
            outputs = AttentionOutputs.of(
                    Tensor.allocate(arena, DType.F32, tokens, HEADS, CHANNELS),
                    Tensor.allocate(arena, DType.F32, tokens, HEADS));
            plan = engine.plan(PlanSpec.forTensors(q, k, v, null, AttentionOptions.fullAttention()));
        }

        private Tensor values(int tokens, int seed) {
            Random random = new Random(seed);
            float[] values = new float[tokens * HEADS * CHANNELS];
            for (int i = 0; i < values.length; i++) {
                values[i] = random.nextFloat() - 0.5f;
            }
            return Tensor.ofFloats(arena, DType.F32, values, tokens, HEADS, CHANNELS);
        }

        /** Starts the run on a thread and waits until it has done some of its work. */
        CompletableFuture<Void> startSynchronous() throws InterruptedException {
            CompletableFuture<Void> run = new CompletableFuture<>();
            Thread.ofPlatform().start(() -> {
                try {
                    plan.attend(inputs, outputs, control);
                    run.complete(null);
                } catch (Throwable e) {
                    run.completeExceptionally(e);
                }
            });
            return awaitProgress(run);
        }

        /** Starts the asynchronous form and waits until it has done some of its work. */
        CompletableFuture<Void> startAsynchronous() throws InterruptedException {
            return awaitProgress(plan.attendAsync(inputs, outputs, control));
        }

        private CompletableFuture<Void> awaitProgress(CompletableFuture<Void> run) throws InterruptedException {
            while (control.done() == 0 && !run.isDone()) {
                Thread.sleep(1);
            }
            assertThat(run).as("still under way after its first unit of work").isNotDone();
            return run;
        }

        /** Asserts that the outputs are those of an undisturbed run. */
        void assertRight() {
            try (Arena other = Arena.ofShared()) {
                AttentionOutputs again = AttentionOutputs.of(
                        Tensor.allocate(other, DType.F32, outputs.o().shape()),
                        Tensor.allocate(other, DType.F32, outputs.lse().shape()));
                plan.attend(inputs, again);
                assertThat(outputs.o().toFloats()).isEqualTo(again.o().toFloats());
                assertThat(outputs.lse().toFloats()).isEqualTo(again.lse().toFloats());
            }
        }

        @Override
        public void close() {
            plan.close();
            engine.close();
            control.close();
            arena.close();
        }
    }

    @Test
    @EnabledIf("dev.moba4j.Backend#nativeExpected")
    void closingTheArenaThrowsAndTheRunStaysRight() throws Exception {
        try (LongRun running = new LongRun(Backend.NATIVE)) {
            CompletableFuture<Void> run = running.startSynchronous();
            assertThatThrownBy(running.arena::close).isInstanceOf(IllegalStateException.class);
            run.join();
            running.assertRight();
        }
    }

    @Test
    @EnabledIf("dev.moba4j.Backend#nativeExpected")
    void closingTheArenaThrowsDuringTheAsynchronousForm() throws Exception {
        try (LongRun running = new LongRun(Backend.NATIVE)) {
            CompletableFuture<Void> run = running.startAsynchronous();
            assertThatThrownBy(running.arena::close).isInstanceOf(IllegalStateException.class);
            run.join();
            running.assertRight();
        }
    }

    @Test
    @EnabledIf("dev.moba4j.Backend#nativeExpected")
    void closingTheRunControlThrowsAndTheRunStaysRight() throws Exception {
        try (LongRun running = new LongRun(Backend.NATIVE)) {
            CompletableFuture<Void> run = running.startSynchronous();
            assertThatThrownBy(running.control::close).isInstanceOf(IllegalStateException.class);
            run.join();
            running.assertRight();
        }
    }

    /** Plain Java cannot hold an arena open; the run notices at its next access instead. */
    @Test
    void closingTheArenaEndsARunInPlainJavaWithASentence() throws Exception {
        LongRun running = new LongRun(Backend.SCALAR);
        CompletableFuture<Void> run = running.startSynchronous();
        running.arena.close();
        assertThatThrownBy(run::join).hasCauseInstanceOf(IllegalStateException.class);
        running.plan.close();
        running.engine.close();
        running.control.close();
    }

    @ParameterizedTest
    @MethodSource("backends")
    void closingTheEngineThrowsAndTheRunStaysRight(Backend backend) throws Exception {
        try (LongRun running = new LongRun(backend)) {
            CompletableFuture<Void> run = running.startSynchronous();
            assertThatThrownBy(running.engine::close)
                    .isInstanceOf(EngineBusyException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "run"));
            run.join();
            running.assertRight();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void closingTheEngineThrowsDuringTheAsynchronousForm(Backend backend) throws Exception {
        try (LongRun running = new LongRun(backend)) {
            CompletableFuture<Void> run = running.startAsynchronous();
            assertThatThrownBy(running.engine::close).isInstanceOf(EngineBusyException.class);
            run.join();
            running.assertRight();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void closingThePlanThrowsAndTheRunStaysRight(Backend backend) throws Exception {
        try (LongRun running = new LongRun(backend)) {
            CompletableFuture<Void> run = running.startSynchronous();
            assertThatThrownBy(running.plan::close).isInstanceOf(EngineBusyException.class);
            run.join();
            running.assertRight();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void cancelStopsTheRunSoon(Backend backend) throws Exception {
        try (LongRun running = new LongRun(backend)) {
            CompletableFuture<Void> run = running.startSynchronous();
            running.control.cancel();
            long cancelled = System.nanoTime();
            assertThatThrownBy(run::join).hasCauseInstanceOf(RunCancelledException.class);
            assertThat(System.nanoTime() - cancelled).isLessThan(1_500_000_000L);
            assertThat(running.control.isCancelled()).isTrue();
            assertThat(running.control.fraction()).isLessThan(1);
            running.plan.attend(running.inputs, running.outputs);
            running.assertRight();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void cancelStopsTheAsynchronousForm(Backend backend) throws Exception {
        try (LongRun running = new LongRun(backend)) {
            CompletableFuture<Void> run = running.startAsynchronous();
            running.control.cancel();
            assertThatThrownBy(run::join)
                    .isInstanceOf(CompletionException.class)
                    .hasCauseInstanceOf(RunCancelledException.class);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void progressGrowsFromZeroToItsTotal(Backend backend) throws Exception {
        try (LongRun running = new LongRun(backend)) {
            CompletableFuture<Void> run = running.startSynchronous();
            long last = 0;
            int steps = 0;
            while (!run.isDone()) {
                long done = running.control.done();
                assertThat(done).isBetween(last, running.control.total());
                steps += done > last ? 1 : 0;
                last = done;
                Thread.sleep(1);
            }
            run.join();
            assertThat(steps).as("times the counter was seen to grow").isGreaterThan(3);
            assertThat(running.control.done()).isEqualTo(running.control.total());
            assertThat(running.control.fraction()).isEqualTo(1);
        }
    }
}
