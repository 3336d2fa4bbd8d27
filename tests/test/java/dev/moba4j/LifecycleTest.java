package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.moba4j.oracle.Problem;
import java.io.File;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Opening, closing and what is left to use after it. */
@Tag("cuda")
class LifecycleTest {
    private static final Problem PROBLEM = Cases.named("odd tail").problem(DType.F32);

    static Stream<Backend> backends() {
        return Backend.all().stream();
    }

    @ParameterizedTest
    @MethodSource("backends")
    void closeIsIdempotent(Backend backend) {
        Engine engine = backend.open(1);
        AttentionPlan plan = engine.plan(Call.spec(PROBLEM, 0));
        RunControl control = RunControl.create();
        for (int i = 0; i < 3; i++) {
            plan.close();
            engine.close();
            control.close();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void planNamesItsKernels(Backend backend) {
        try (AttentionPlan plan = backend.engine().plan(Call.spec(PROBLEM, 0))) {
            String target = backend.engine().info().target();
            String ofFp32 = "routing by portable kernels, attention by portable kernels, as ";
            assertThat(plan.kernels()).startsWith(target.equals("cuda") ? ofFp32 : target);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void closedEngineRefusesEveryUse(Backend backend) {
        Engine engine = backend.open(1);
        try (Call call = new Call(backend.engine(), PROBLEM, Layout.PACKED);
                AttentionPlan plan = engine.plan(Call.spec(PROBLEM, 3))) {
            engine.close();
            assertClosed(() -> engine.plan(Call.spec(PROBLEM, 0)), "engine");
            assertClosed(() -> plan.attend(call.inputs(), call.outputs()), "engine");
            assertClosed(() -> plan.route(call.inputs(), call.selected.tensor()), "engine");
            assertClosed(
                    () -> plan.attendSelected(
                            call.inputs(), call.selected.tensor(), AttentionOutputs.of(call.o.tensor())),
                    "engine");
            assertClosed(
                    () -> {
                        try {
                            plan.attendAsync(call.inputs(), call.outputs()).join();
                        } catch (CompletionException e) {
                            throw e.getCause();
                        }
                    },
                    "engine");
            assertClosed(
                    () -> engine.mergeStates(
                            call.o.tensor(),
                            call.lse.tensor(),
                            call.o.tensor(),
                            call.lse.tensor(),
                            call.o.tensor(),
                            call.lse.tensor()),
                    "engine");
            assertClosed(() -> engine.attend(call.inputs(), call.outputs(), PROBLEM.options()), "engine");
            call.assertOutputsUntouched();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void closedPlanRefusesEveryUse(Backend backend) {
        try (Call call = new Call(backend.engine(), PROBLEM, Layout.PACKED)) {
            AttentionPlan plan = backend.engine().plan(Call.spec(PROBLEM, 3));
            plan.close();
            assertClosed(() -> plan.attend(call.inputs(), call.outputs()), "plan");
            assertClosed(() -> plan.route(call.inputs(), call.selected.tensor()), "plan");
            assertClosed(plan::workspaceBytes, "plan");
            assertClosed(() -> plan.selectionWidth(call.inputs()), "plan");
            call.assertOutputsUntouched();
        }
    }

    private static void assertClosed(ThrowingCallable call, String handle) {
        assertThatThrownBy(call)
                .isInstanceOf(EngineClosedException.class)
                .satisfies(e -> Sentences.assertSentence(e, handle, "closed"));
    }

    @ParameterizedTest
    @MethodSource("backends")
    void tensorOfAClosedArenaIsRefusedByName(Backend backend) {
        try (Call call = new Call(backend.engine(), PROBLEM, Layout.PACKED);
                AttentionPlan plan = backend.engine().plan(call.spec())) {
            Arena closed = Arena.ofShared();
            Tensor gone =
                    backend.engine().allocate(closed, DType.F32, PROBLEM.tokensQ(), PROBLEM.heads(), PROBLEM.headDim());
            closed.close();
            assertThatThrownBy(() -> plan.attend(
                            AttentionInputs.of(
                                    gone, call.inputs().k(), call.inputs().v()),
                            call.outputs()))
                    .isInstanceOf(IllegalStateException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "q", "closed"));
            assertThatThrownBy(() -> plan.attend(call.inputs(), AttentionOutputs.of(gone)))
                    .isInstanceOf(IllegalStateException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "o", "closed"));
            call.assertOutputsUntouched();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void tensorOfAnotherThreadsConfinedArenaIsRefusedByName(Backend backend) throws InterruptedException {
        for (ThreadFactory threads :
                List.of(Thread.ofPlatform().factory(), Thread.ofVirtual().factory())) {
            try (Arena confined = Arena.ofConfined();
                    Call call = new Call(backend.engine(), PROBLEM, Layout.PACKED);
                    AttentionPlan plan = backend.engine().plan(call.spec())) {
                Tensor q = Reach.floats(
                        backend.engine(),
                        confined,
                        DType.F32,
                        PROBLEM.q(),
                        PROBLEM.tokensQ(),
                        PROBLEM.heads(),
                        PROBLEM.headDim());
                AttentionInputs inputs = AttentionInputs.of(
                        Reach.of(backend.engine(), q),
                        call.inputs().k(),
                        call.inputs().v());
                AtomicReference<Throwable> thrown = new AtomicReference<>();
                Thread thread = threads.newThread(() -> {
                    try {
                        plan.attend(inputs, call.outputs());
                    } catch (Throwable e) {
                        thrown.set(e);
                    }
                });
                thread.start();
                thread.join();
                assertThat(thrown.get()).isInstanceOf(IllegalArgumentException.class);
                Sentences.assertSentence(thrown.get(), "q", "confined");
                call.assertOutputsUntouched();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void confinedArenaServesItsOwnThread(Backend backend) {
        try (Arena confined = Arena.ofConfined();
                Call call = new Call(backend.engine(), PROBLEM, Layout.PACKED);
                Call expected = Call.attended(backend, PROBLEM);
                AttentionPlan plan = backend.engine().plan(call.spec())) {
            Tensor q = Reach.floats(
                    backend.engine(),
                    confined,
                    DType.F32,
                    PROBLEM.q(),
                    PROBLEM.tokensQ(),
                    PROBLEM.heads(),
                    PROBLEM.headDim());
            plan.attend(
                    AttentionInputs.of(
                            Reach.of(backend.engine(), q),
                            call.inputs().k(),
                            call.inputs().v()),
                    call.outputs());
            expected.assertSameBits(call);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void confinedArenaIsRefusedByTheAsynchronousForm(Backend backend) {
        try (Arena confined = Arena.ofConfined();
                Call call = new Call(backend.engine(), PROBLEM, Layout.PACKED);
                AttentionPlan plan = backend.engine().plan(call.spec())) {
            Tensor o = backend.engine()
                    .allocate(confined, DType.F32, PROBLEM.tokensQ(), PROBLEM.heads(), PROBLEM.headDimV());
            assertThatThrownBy(() -> {
                        try {
                            plan.attendAsync(call.inputs(), AttentionOutputs.of(o))
                                    .join();
                        } catch (CompletionException e) {
                            throw e.getCause();
                        }
                    })
                    .isInstanceOf(IllegalArgumentException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "o", "confined"));
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void cancelledControlStopsARunBeforeItBegins(Backend backend) {
        try (Call call = new Call(backend.engine(), PROBLEM, Layout.PACKED);
                RunControl control = RunControl.create();
                AttentionPlan plan = backend.engine().plan(call.spec())) {
            control.cancel();
            assertThatThrownBy(() -> plan.attend(call.inputs(), call.outputs(), control))
                    .isInstanceOf(RunCancelledException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "cancel"));
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void closedControlIsRefused(Backend backend) {
        try (Call call = new Call(backend.engine(), PROBLEM, Layout.PACKED);
                AttentionPlan plan = backend.engine().plan(call.spec())) {
            RunControl control = RunControl.create();
            control.close();
            assertThatThrownBy(() -> plan.attend(call.inputs(), call.outputs(), control))
                    .isInstanceOf(IllegalStateException.class);
            call.assertOutputsUntouched();
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void enginesComeAndGoWithoutLeavingThreads(Backend backend) throws InterruptedException {
        Call.attended(backend, PROBLEM).close();
        long before = nativeThreads();
        for (int i = 0; i < 30; i++) {
            try (Engine engine = backend.open(4);
                    Call call = Call.attended(engine, PROBLEM, Layout.PACKED);
                    AttentionPlan plan = engine.plan(call.spec())) {
                plan.attendAsync(call.inputs(), call.outputs()).join();
            }
        }
        long deadline = System.nanoTime() + 10_000_000_000L;
        while (nativeThreads() > before + 8 && System.nanoTime() < deadline) {
            Thread.sleep(20);
        }
        assertThat(nativeThreads()).as("threads of this process").isLessThanOrEqualTo(before + 8);
    }

    private static long nativeThreads() {
        String[] tasks = new File("/proc/self/task").list();
        return tasks == null ? Thread.activeCount() : tasks.length;
    }

    @Test
    void autoTakesTheFastestBackendAndSaysWhy() {
        try (Engine engine = Engine.open()) {
            assertThat(engine.info().backend()).isEqualTo(Backend.nativeExpected() ? "native" : "scalar");
            assertThat(engine.info().reason()).isNotBlank();
            assertThat(engine.info().threads())
                    .isEqualTo(Backend.nativeExpected() ? Runtime.getRuntime().availableProcessors() : 1);
            assertThat(engine.info().device()).isNotBlank();
        }
    }

    @Test
    void everyBackendSaysWhatItWillUseOrWhyItCannot() {
        assertThat(Engine.backends()).isNotEmpty().allSatisfy(status -> {
            assertThat(status.name()).isNotBlank();
            assertThat(status.detail()).as("detail of %s", status.name()).isNotBlank();
        });
    }

    @Test
    void instructionSetOfAnotherProcessorIsUnavailableWithAReason() {
        if (Backend.nativeExpected()) {
            assertThatThrownBy(() -> Engine.open(new EngineOptions("native", 1, "neon", 0)))
                    .isInstanceOf(BackendUnavailableException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "neon"));
        }
    }

    @Test
    void engineReportsTheThreadsItWasGiven() {
        for (Backend backend : Backend.allTargets()) {
            if (backend.name().equals("native")) {
                try (Engine engine = backend.open(3)) {
                    assertThat(engine.info().threads()).isEqualTo(3);
                    if (!backend.cpuTarget().equals("auto")) {
                        assertThat(engine.info().target()).isEqualTo("cpu/" + backend.cpuTarget());
                    }
                }
            }
        }
    }
}
