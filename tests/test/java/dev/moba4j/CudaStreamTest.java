package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.moba4j.oracle.Problem;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Work that is enqueued. The emulated device puts it off until somebody waits for the stream, so results that are asked for
 * too early are seen to be missing.
 */
@Tag("device")
class CudaStreamTest {
    private final Engine engine = Backend.CUDA.open(0);
    private final Arena arena = Arena.ofShared();

    @AfterEach
    void close() {
        engine.close();
        arena.close();
    }

    @Test
    void everyOperationIsDoneWhenTheStreamIs() {
        try (Call expected = Call.attended(engine, Cases.twoSequences(1), Layout.PACKED);
                Call call = new Call(engine, Cases.twoSequences(1), Layout.GAPS);
                AttentionPlan plan = engine.plan(Call.spec(Cases.twoSequences(1), 3));
                CudaStream stream = CudaStream.create(engine)) {
            plan.route(call.inputs(), call.selected.tensor(), stream);
            plan.attendSelected(
                    call.inputs(),
                    call.selected.tensor(),
                    AttentionOutputs.of(call.o.tensor(), call.lse.tensor()),
                    stream);
            stream.synchronize();
            assertThat(stream.isDone()).isTrue();
            expected.assertSameBits(call);
        }
        try (Call expected = Call.attended(engine, Cases.twoSequences(2), Layout.PACKED);
                Call call = new Call(engine, Cases.twoSequences(2), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec());
                CudaStream stream = CudaStream.create(engine)) {
            plan.attend(call.inputs(), call.outputs(), stream);
            stream.synchronize();
            expected.assertSameBits(call);
        }
    }

    @Test
    void emulatedWorkWaits() {
        if (!engine.info().device().equals("emulation")) {
            return; // a device may be faster than the caller
        }
        try (Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec());
                CudaStream stream = CudaStream.create(engine)) {
            plan.attend(call.inputs(), call.outputs(), stream);
            assertThat(stream.isDone()).isFalse();
            call.assertOutputsUntouched();
        }
    }

    @Test
    void runsOfManyStreamsKeepApart() {
        List<Call> expected = IntStream.range(0, 4)
                .mapToObj(seed -> Call.attended(engine, Cases.twoSequences(seed), Layout.PACKED))
                .toList();
        List<Call> calls = new ArrayList<>();
        List<CudaStream> streams =
                IntStream.range(0, 3).mapToObj(i -> CudaStream.create(engine)).toList();
        try (AttentionPlan plan = engine.plan(Call.spec(Cases.twoSequences(0), 0))) {
            for (int i = 0; i < 24; i++) {
                Call call = new Call(engine, Cases.twoSequences(i % 4), Layout.PACKED);
                calls.add(call);
                plan.attend(call.inputs(), call.outputs(), streams.get(i % 3));
                if (i % 5 == 4) {
                    streams.get(i % 2).synchronize();
                }
            }
            streams.forEach(CudaStream::synchronize);
            for (int i = 0; i < calls.size(); i++) {
                expected.get(i % 4).assertSameBits(calls.get(i));
            }
        }
        streams.forEach(CudaStream::close);
        calls.forEach(Call::close);
        expected.forEach(Call::close);
    }

    @Test
    void workspaceServesOneStreamAtATime() {
        try (Call call = new Call(engine, Cases.twoSequences(0), Layout.PACKED);
                Call other = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec());
                CudaStream first = CudaStream.create(engine);
                CudaStream second = CudaStream.create(engine)) {
            long free = engine.deviceMemory().freeBytes();
            plan.attend(call.inputs(), call.outputs(), first);
            plan.attend(call.inputs(), call.outputs(), first);
            assertThat(free - engine.deviceMemory().freeBytes())
                    .as("one stream, whose runs follow each other")
                    .isEqualTo(plan.workspaceBytes());
            plan.attend(other.inputs(), other.outputs(), second);
            plan.attend(other.inputs(), other.outputs());
            assertThat(free - engine.deviceMemory().freeBytes())
                    .as("a second stream, and a run without one, while they are under way")
                    .isEqualTo(3 * plan.workspaceBytes());
            first.synchronize();
            second.synchronize();
            try (CudaStream third = CudaStream.create(engine)) {
                plan.attend(other.inputs(), other.outputs(), third);
                assertThat(free - engine.deviceMemory().freeBytes())
                        .as("a third stream, after them")
                        .isEqualTo(3 * plan.workspaceBytes());
            }
        }
    }

    @Test
    void streamWaitsForTheEventOfAnother() {
        Tensor copy = engine.allocatePinned(arena, DType.F32, 4096);
        Tensor source = engine.allocatePinned(arena, DType.F32, 4096).fill(3);
        Tensor ours = engine.allocate(arena, DType.F32, 4096);
        try (CudaStream first = CudaStream.create(engine);
                CudaStream second = CudaStream.create(engine);
                CudaEvent event = CudaEvent.create(engine);
                CudaEvent never = CudaEvent.create(engine)) {
            assertThat(never.isDone()).isTrue();
            second.waitFor(never);
            engine.copy(source, ours, first);
            event.record(first);
            second.waitFor(event);
            engine.copy(ours, copy, second);
            second.synchronize();
            assertThat(copy.toFloats()).containsOnly(3);
            event.synchronize();
            assertThat(event.isDone()).isTrue();
        }
    }

    @Test
    void mergeIsEnqueued() {
        try (Call a = Call.attended(engine, Cases.twoSequences(1), Layout.PACKED);
                Call merged = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                Call expected = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                CudaStream stream = CudaStream.create(engine)) {
            Tensor o = a.o.tensor();
            Tensor lse = a.lse.tensor();
            engine.mergeStates(o, lse, o, lse, expected.o.tensor(), expected.lse.tensor());
            engine.mergeStates(o, lse, o, lse, merged.o.tensor(), merged.lse.tensor(), stream);
            stream.synchronize();
            assertThat(merged.o.floats()).isEqualTo(expected.o.floats());
            assertThat(merged.lse.floats()).isEqualTo(expected.lse.floats());
        }
    }

    @Test
    void closingPlanStreamAndEngineWaitsForTheirWork() {
        try (Call expected = Call.attended(engine, Cases.twoSequences(1), Layout.PACKED);
                Call first = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                Call second = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                Call third = new Call(engine, Cases.twoSequences(1), Layout.PACKED)) {
            Engine own = Backend.CUDA.open(0);
            CudaStream stream = CudaStream.create(own);
            AttentionPlan plan = own.plan(first.spec());
            plan.attend(first.inputs(), first.outputs(), stream);
            plan.close();
            AttentionPlan later = own.plan(first.spec());
            later.attend(second.inputs(), second.outputs(), stream);
            stream.close();
            expected.assertSameBits(second);
            CudaStream last = CudaStream.create(own);
            later.attend(third.inputs(), third.outputs(), last);
            own.close();
            expected.assertSameBits(third);
            assertThatThrownBy(last::synchronize).isInstanceOf(EngineClosedException.class);
            last.close();
            last.close();
            later.close();
            expected.assertSameBits(first);
        }
    }

    @Test
    void closingAnArenaWaitsForWorkThatUsesIt() {
        Tensor result = engine.allocatePinned(arena, DType.F32, 1 << 16);
        try (CudaStream stream = CudaStream.create(engine)) {
            try (Arena brief = Arena.ofShared()) {
                Tensor source = engine.allocatePinned(brief, DType.F32, 1 << 16).fill(5);
                Tensor ours = engine.allocate(brief, DType.F32, 1 << 16);
                engine.copy(source, ours, stream);
                engine.copy(ours, result, stream);
            }
            stream.synchronize();
            assertThat(result.toFloats()).containsOnly(5);
        }
    }

    @Test
    void wrappedStreamIsTheSameAndOutlivesItsView() {
        Tensor source = engine.allocatePinned(arena, DType.F32, 8).fill(4);
        Tensor target = engine.allocatePinned(arena, DType.F32, 8);
        try (CudaStream owner = CudaStream.create(engine)) {
            try (CudaStream view = CudaStream.wrap(
                    engine, MemorySegment.ofAddress(owner.handle().address()))) {
                engine.copy(source, target, view);
                owner.synchronize();
                assertThat(target.toFloats()).containsOnly(4);
                engine.copy(source.fill(6), target, view);
            }
            assertThat(target.toFloats()).as("closing the view waits").containsOnly(6);
            assertThat(owner.isDone()).isTrue();
        }
    }

    @Test
    void wrappedEventIsTheSameAndOutlivesItsView() {
        Tensor source = engine.allocatePinned(arena, DType.F32, 8).fill(4);
        Tensor target = engine.allocatePinned(arena, DType.F32, 8);
        try (CudaStream first = CudaStream.create(engine);
                CudaStream second = CudaStream.create(engine);
                CudaEvent owner = CudaEvent.create(engine)) {
            try (CudaEvent view = CudaEvent.wrap(
                    engine, MemorySegment.ofAddress(owner.handle().address()))) {
                engine.copy(source, target, first);
                owner.record(first);
                second.waitFor(view);
                second.synchronize();
                assertThat(target.toFloats())
                        .as("the view is of the same event")
                        .containsOnly(4);
                engine.copy(source.fill(6), target, first);
                view.record(first);
            }
            owner.synchronize();
            assertThat(target.toFloats()).containsOnly(6);
            assertThat(owner.isDone()).isTrue();
        }
    }

    @Test
    void defaultStreamCanBeWrapped() {
        try (Call expected = Call.attended(engine, Cases.twoSequences(1), Layout.PACKED);
                Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec());
                CudaStream stream = CudaStream.wrap(engine, MemorySegment.NULL)) {
            plan.attend(call.inputs(), call.outputs(), stream);
            stream.synchronize();
            expected.assertSameBits(call);
        }
    }

    @Test
    void streamsAndEventsBelongToTheirEngine() {
        try (Engine other = Backend.CUDA.open(0);
                Engine scalar = Backend.SCALAR.open(1);
                CudaStream stream = CudaStream.create(other);
                CudaStream own = CudaStream.create(engine);
                CudaEvent event = CudaEvent.create(other);
                Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec())) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> plan.attend(call.inputs(), call.outputs(), stream))
                    .satisfies(e -> Sentences.assertSentence(e, "stream", "another engine"));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> plan.attend(call.inputs(), call.outputs(), (CudaStream) null))
                    .satisfies(e -> Sentences.assertSentence(e, "stream is null"));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> own.waitFor(event))
                    .satisfies(e -> Sentences.assertSentence(e, "event", "another engine"));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> CudaStream.create(scalar))
                    .satisfies(e -> Sentences.assertSentence(e, "scalar", "cuda"));
            assertThatIllegalArgumentException().isThrownBy(scalar::deviceMemory);
            call.assertOutputsUntouched();
        }
    }

    @Test
    void closedStreamAndEventRefuseEveryUse() {
        CudaStream stream = CudaStream.create(engine);
        CudaEvent event = CudaEvent.create(engine);
        try (CudaStream open = CudaStream.create(engine);
                Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec())) {
            stream.close();
            event.close();
            event.close();
            assertThatIllegalStateException().isThrownBy(stream::synchronize);
            assertThatIllegalStateException().isThrownBy(() -> event.record(open));
            assertThatIllegalStateException().isThrownBy(event::synchronize);
            assertThatIllegalStateException()
                    .isThrownBy(() -> plan.attend(call.inputs(), call.outputs(), stream))
                    .satisfies(e -> Sentences.assertSentence(e, "stream", "closed"));
        }
    }

    @Test
    void refusedRunEnqueuesNothing() {
        try (Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec());
                CudaStream stream = CudaStream.create(engine)) {
            Tensor wrong = call.o.tensor().slice(0, 0, 3);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> plan.attend(call.inputs(), AttentionOutputs.of(wrong), stream))
                    .satisfies(e -> Sentences.assertSentence(e, "o.dim(0)"));
            assertThat(stream.isDone()).isTrue();
            stream.synchronize();
            call.assertOutputsUntouched();
        }
    }

    @Test
    void enqueuingARunAllocatesNothingOnTheHeap() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Problem small = Problem.shape(DType.F32).lengths(8).normal(1);
        try (Call call = new Call(engine, small, Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec());
                CudaStream stream = CudaStream.create(engine)) {
            AttentionInputs inputs = call.inputs();
            AttentionOutputs outputs = call.outputs();
            long before = 0;
            for (int i = 0; i < 3000; i++) {
                if (i == 2900) {
                    before = threads.getCurrentThreadAllocatedBytes();
                }
                plan.attend(inputs, outputs, stream);
                if (i % 100 == 0) {
                    stream.synchronize();
                }
            }
            long perRun = (threads.getCurrentThreadAllocatedBytes() - before) / 100;
            assertThat(perRun).as("heap bytes of one run").isLessThan(1024);
        }
    }
}
