package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Runs that are recorded once and launched many times. */
@Tag("device")
class CudaGraphTest {
    private final Engine engine = Backend.CUDA.open(0);
    private final Arena arena = Arena.ofShared();
    private final CudaStream stream = CudaStream.create(engine);

    @AfterEach
    void close() {
        stream.close();
        engine.close();
        arena.close();
    }

    @Test
    void launchComputesFromWhatTheTensorsHoldThen() {
        try (Call first = Call.attended(engine, Cases.twoSequences(1), Layout.PACKED);
                Call second = Call.attended(engine, Cases.twoSequences(2), Layout.PACKED);
                Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec());
                CudaGraph graph = CudaGraph.capture(stream, () -> plan.attend(call.inputs(), call.outputs(), stream))) {
            stream.synchronize();
            call.assertOutputsUntouched();
            graph.launch(stream);
            stream.synchronize();
            first.assertSameBits(call);
            call.write(Cases.twoSequences(2));
            graph.launch(stream);
            stream.synchronize();
            second.assertSameBits(call);
        }
    }

    @Test
    void graphHoldsItsWorkspaceWhileOtherRunsGoOn() {
        try (Call expected = Call.attended(engine, Cases.twoSequences(1), Layout.PACKED);
                Call other = new Call(engine, Cases.twoSequences(2), Layout.PACKED);
                Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec());
                CudaStream launching = CudaStream.create(engine)) {
            long free = engine.deviceMemory().freeBytes();
            CudaGraph graph = CudaGraph.capture(stream, () -> {
                plan.attend(call.inputs(), call.outputs(), stream);
                plan.attend(call.inputs(), call.outputs(), stream);
            });
            assertThat(free - engine.deviceMemory().freeBytes())
                    .as("runs of one recording follow each other")
                    .isEqualTo(plan.workspaceBytes());
            graph.launch(launching);
            plan.attend(other.inputs(), other.outputs(), stream);
            assertThat(free - engine.deviceMemory().freeBytes())
                    .as("a run beside the graph has a workspace of its own")
                    .isEqualTo(2 * plan.workspaceBytes());
            assertThatThrownBy(plan::close)
                    .isInstanceOf(EngineBusyException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "plan"));
            assertThatThrownBy(engine::close).isInstanceOf(EngineBusyException.class);
            graph.close();
            graph.close();
            expected.assertSameBits(call);
            CudaGraph.capture(stream, () -> plan.attend(call.inputs(), call.outputs(), stream))
                    .close();
            assertThat(free - engine.deviceMemory().freeBytes())
                    .as("what the graph held serves again")
                    .isEqualTo(2 * plan.workspaceBytes());
        }
    }

    @Test
    void otherStreamsTakePartByEvents() {
        Tensor source = engine.allocatePinned(arena, DType.F32, 64).fill(1);
        Tensor between = engine.allocate(arena, DType.F32, 64);
        Tensor target = engine.allocatePinned(arena, DType.F32, 64);
        try (CudaStream side = CudaStream.create(engine);
                CudaEvent forked = CudaEvent.create(engine);
                CudaEvent joined = CudaEvent.create(engine);
                CudaGraph graph = CudaGraph.capture(stream, () -> {
                    engine.copy(source, between, stream);
                    forked.record(stream);
                    side.waitFor(forked);
                    engine.copy(between, target, side);
                    joined.record(side);
                    stream.waitFor(joined);
                })) {
            side.synchronize();
            assertThat(target.toFloats()).as("nothing is done yet").containsOnly(0);
            graph.launch(stream);
            stream.synchronize();
            assertThat(target.toFloats()).containsOnly(1);
            engine.copy(source.fill(2), target, side);
            side.synchronize();
            assertThat(target.toFloats()).as("the side stream works again").containsOnly(2);
        }
    }

    @Test
    void runsOfOtherStreamsThatTakePartHaveWorkspacesOfTheirOwn() {
        try (Call expected = Call.attended(engine, Cases.twoSequences(1), Layout.PACKED);
                Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                Call beside = new Call(engine, Cases.twoSequences(2), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec());
                CudaStream side = CudaStream.create(engine);
                CudaEvent forked = CudaEvent.create(engine);
                CudaEvent joined = CudaEvent.create(engine)) {
            long free = engine.deviceMemory().freeBytes();
            try (CudaGraph graph = CudaGraph.capture(stream, () -> {
                forked.record(stream);
                side.waitFor(forked);
                plan.attend(call.inputs(), call.outputs(), side);
                plan.attend(beside.inputs(), beside.outputs(), stream);
                joined.record(side);
                stream.waitFor(joined);
            })) {
                graph.launch(stream);
                plan.attend(beside.inputs(), beside.outputs(), side);
                assertThat(free - engine.deviceMemory().freeBytes()).isEqualTo(3 * plan.workspaceBytes());
            }
            expected.assertSameBits(call);
        }
    }

    @Test
    void launchWithMemoryThatIsGoneIsRefused() {
        Tensor target = engine.allocatePinned(arena, DType.F32, 8);
        Arena brief = Arena.ofShared();
        Tensor source = engine.allocatePinned(brief, DType.F32, 8);
        try (CudaGraph graph = CudaGraph.capture(stream, () -> engine.copy(source, target, stream))) {
            brief.close();
            assertThatIllegalStateException()
                    .isThrownBy(() -> graph.launch(stream))
                    .satisfies(e -> Sentences.assertSentence(e, "graph", "closed"));
        }
    }

    @Test
    void recordingThatFailsLeavesNothingBehind() {
        try (Call expected = Call.attended(engine, Cases.twoSequences(1), Layout.PACKED);
                Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
                AttentionPlan plan = engine.plan(call.spec())) {
            assertThatThrownBy(() -> CudaGraph.capture(stream, () -> {
                        plan.attend(call.inputs(), call.outputs(), stream);
                        throw new ArithmeticException("as planned");
                    }))
                    .isInstanceOf(ArithmeticException.class)
                    .hasNoSuppressedExceptions();
            assertThatThrownBy(() -> CudaGraph.capture(stream, () -> {
                        plan.attend(call.inputs(), call.outputs(), stream);
                        stream.isDone();
                    }))
                    .isInstanceOf(DeviceException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "cudaErrorStreamCapture"));
            call.assertOutputsUntouched();
            plan.attend(call.inputs(), call.outputs(), stream);
            stream.synchronize();
            expected.assertSameBits(call);
        }
    }

    @Test
    void streamCannotBeClosedOrRecordTwiceWhileItRecords() {
        try (CudaGraph graph = CudaGraph.capture(stream, () -> {
            assertThatIllegalStateException().isThrownBy(stream::close);
            assertThatIllegalStateException()
                    .isThrownBy(() -> CudaGraph.capture(stream, () -> {}))
                    .satisfies(e -> Sentences.assertSentence(e, "recording"));
        })) {
            graph.launch(stream);
            stream.synchronize();
        }
    }

    @Test
    void closedGraphIsRefused() {
        CudaGraph graph = CudaGraph.capture(stream, () -> {});
        graph.close();
        assertThatIllegalStateException()
                .isThrownBy(() -> graph.launch(stream))
                .satisfies(e -> Sentences.assertSentence(e, "graph", "closed"));
    }
}
