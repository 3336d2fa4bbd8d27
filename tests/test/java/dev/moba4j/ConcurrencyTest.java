package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.moba4j.oracle.Problem;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** One engine and one plan serve many threads at once, and each gets its own right answer. */
@Tag("cuda")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ConcurrencyTest {

    static Stream<Backend> backends() {
        return Backend.all().stream();
    }

    @ParameterizedTest
    @MethodSource("backends")
    void eightThreadsShareOnePlan(Backend backend) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            assertEveryRunIsRight(backend, threads, 8, 12);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void manyVirtualThreadsShareOnePlan(Backend backend) throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            assertEveryRunIsRight(backend, threads, 100, 2);
        }
    }

    private static void assertEveryRunIsRight(Backend backend, ExecutorService threads, int callers, int runs)
            throws Exception {
        List<Call> expected = expected(backend);
        try (AttentionPlan plan = backend.engine().plan(Call.spec(problem(0), 3))) {
            List<Future<?>> futures = IntStream.range(0, callers)
                    .<Future<?>>mapToObj(caller -> threads.submit(() -> {
                        for (int run = 0; run < runs; run++) {
                            int seed = (caller + run) % expected.size();
                            try (Call call = new Call(backend.engine(), problem(seed), Layout.PACKED)) {
                                plan.attend(call.inputs(), call.outputs());
                                expected.get(seed).assertSameBits(call);
                                call.o.assertSurroundingsUntouched("o");
                            }
                        }
                    }))
                    .toList();
            for (Future<?> future : futures) {
                future.get();
            }
        } finally {
            expected.forEach(Call::close);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void plansOfOneEngineRunAtOnce(Backend backend) throws Exception {
        List<Problem> problems = Stream.of("H 8, G 2", "per group", "full, packed", "non-causal", "decode")
                .map(name -> Cases.named(name).problem(DType.F32))
                .toList();
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            List<Future<?>> futures = new ArrayList<>();
            for (int caller = 0; caller < 16; caller++) {
                Problem problem = problems.get(caller % problems.size());
                futures.add(threads.submit(() -> {
                    try (Call call = Call.attended(backend, problem)) {
                        call.assertRight();
                    }
                }));
            }
            for (Future<?> future : futures) {
                future.get();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void asynchronousRunsGiveTheSameBits(Backend backend) {
        List<Call> expected = expected(backend);
        try (AttentionPlan plan = backend.engine().plan(Call.spec(problem(0), 3))) {
            List<Call> calls = IntStream.range(0, 20)
                    .mapToObj(i -> new Call(backend.engine(), problem(i % expected.size()), Layout.PACKED))
                    .toList();
            CompletableFuture.allOf(calls.stream()
                            .map(call -> plan.attendAsync(call.inputs(), call.outputs()))
                            .toArray(CompletableFuture[]::new))
                    .join();
            for (int i = 0; i < calls.size(); i++) {
                expected.get(i % expected.size()).assertSameBits(calls.get(i));
                calls.get(i).close();
            }
        } finally {
            expected.forEach(Call::close);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void asynchronousRouteAndAttendSelectedGiveWhatAttendGives(Backend backend) {
        try (Call expected = Call.attended(backend, problem(0));
                Call call = new Call(backend.engine(), problem(0), Layout.PACKED);
                AttentionPlan plan = backend.engine().plan(Call.spec(problem(0), 3))) {
            plan.routeAsync(call.inputs(), call.selected.tensor())
                    .thenCompose(done -> plan.attendSelectedAsync(
                            call.inputs(),
                            call.selected.tensor(),
                            AttentionOutputs.of(call.o.tensor(), call.lse.tensor())))
                    .join();
            assertThat(call.selected.ints()).isEqualTo(expected.selected.ints());
            call.assertAttention(expected.selectedRows());
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void asynchronousRunsOnVirtualThreadsDoNotBlockTheirCarriers(Backend backend) throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
                AttentionPlan plan = backend.engine().plan(Call.spec(problem(0), 3))) {
            List<Future<?>> futures = IntStream.range(0, 50)
                    .<Future<?>>mapToObj(i -> threads.submit(() -> {
                        try (Call call = new Call(backend.engine(), problem(0), Layout.PACKED)) {
                            plan.attendAsync(call.inputs(), call.outputs()).join();
                            call.assertRight();
                        }
                    }))
                    .toList();
            for (Future<?> future : futures) {
                future.get(60, TimeUnit.SECONDS);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void asynchronousRunReportsBadInput(Backend backend) {
        try (Call call = new Call(backend.engine(), problem(0), Layout.PACKED);
                AttentionPlan plan = backend.engine().plan(call.spec())) {
            Tensor wrong = call.o.tensor().slice(0, 0, 3);
            assertThatThrownBy(() -> {
                        try {
                            plan.attendAsync(call.inputs(), AttentionOutputs.of(wrong))
                                    .join();
                        } catch (CompletionException e) {
                            throw e.getCause();
                        }
                    })
                    .isInstanceOf(IllegalArgumentException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "o.dim(0)", "3"));
            call.assertOutputsUntouched();
        }
    }

    private static List<Call> expected(Backend backend) {
        return IntStream.range(0, 4)
                .mapToObj(seed -> Call.attended(backend, problem(seed)))
                .peek(Call::assertRight)
                .toList();
    }

    private static Problem problem(int seed) {
        return Problem.shape(DType.F32)
                .heads(4, 2)
                .dims(32, 32)
                .lengths(150, 37)
                .options(AttentionOptions.moba(16, 3))
                .normal(seed);
    }
}
