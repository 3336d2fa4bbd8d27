package dev.moba4j.snippets;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.AttentionPlan;
import dev.moba4j.CudaEvent;
import dev.moba4j.CudaGraph;
import dev.moba4j.CudaStream;
import dev.moba4j.DLPack;
import dev.moba4j.DType;
import dev.moba4j.DeviceException;
import dev.moba4j.DeviceMemory;
import dev.moba4j.Engine;
import dev.moba4j.EngineOptions;
import dev.moba4j.OutOfDeviceMemoryException;
import dev.moba4j.PlanSpec;
import dev.moba4j.Tensor;
import dev.moba4j.dlpack.ForeignTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Examples of what there is for CUDA devices. */
@Tag("device")
class CudaSnippetTest {
    private static final AttentionOptions MOBA = AttentionOptions.moba(4, 2);

    private final Arena arena = Arena.ofShared();
    private final Engine engine = Engine.open(EngineOptions.defaults().withBackend("cuda"));
    private final Tensor q = onDevice(16, 4, 8);
    private final Tensor k = onDevice(16, 2, 8);
    private final Tensor v = onDevice(16, 2, 8);
    private final Tensor o = engine.allocate(arena, DType.F32, 16, 4, 8);
    private final Tensor result = engine.allocatePinned(arena, DType.F32, 16, 4, 8);

    @AfterEach
    void close() {
        engine.close();
        arena.close();
    }

    private Tensor onDevice(long... shape) {
        Tensor tensor = engine.allocate(arena, DType.F32, shape);
        engine.copy(Tensor.allocate(arena, DType.F32, shape).fill(2), tensor);
        return tensor;
    }

    private static float device() {
        // @start region="device"
        try (Engine engine = Engine.open(EngineOptions.defaults().withBackend("cuda"));
                Arena arena = Arena.ofShared()) {
            Tensor host = Tensor.allocate(arena, DType.BF16, 1024, 2, 64).fill(2);
            Tensor keys = engine.allocate(arena, DType.BF16, 1024, 2, 64); // keys.device() is cuda:0
            Tensor queries = engine.allocate(arena, DType.BF16, 1024, 2, 64);
            Tensor output = engine.allocate(arena, DType.BF16, 1024, 2, 64);
            engine.copy(host, keys);
            engine.copy(host, queries);
            engine.attend(
                    AttentionInputs.of(queries, keys, keys),
                    AttentionOutputs.of(output),
                    AttentionOptions.moba(128, 3));
            engine.copy(output, host);
            return host.getFloat(1023, 0, 0); // a mean of values that are all 2
        }
        // @end
    }

    @Test
    void attendsOnADevice() {
        assertThat(device()).isEqualTo(2);
    }

    @Test
    void enqueues() {
        AttentionInputs inputs = AttentionInputs.of(q, k, v);
        // @start region="stream"
        try (AttentionPlan plan = engine.plan(PlanSpec.forTensors(q, k, v, null, AttentionOptions.moba(4, 2)));
                CudaStream stream = CudaStream.create(engine)) {
            plan.attend(inputs, AttentionOutputs.of(o), stream);
            engine.copy(o, result, stream);
            stream.synchronize(); // now the result is there
        }
        // @end
        assertThat(result.getFloat(15, 3, 7)).isEqualTo(2);
    }

    private float time(AttentionPlan plan, AttentionInputs inputs, CudaStream stream) {
        // @start region="event"
        try (CudaEvent start = CudaEvent.create(engine);
                CudaEvent end = CudaEvent.create(engine)) {
            start.record(stream);
            plan.attend(inputs, AttentionOutputs.of(o), stream);
            end.record(stream);
            end.synchronize();
            return start.millisecondsTo(end);
        }
        // @end
    }

    @Test
    void tellsTheTimeOnTheDevice() {
        try (AttentionPlan plan = engine.plan(PlanSpec.forTensors(q, k, v, null, MOBA));
                CudaStream stream = CudaStream.create(engine)) {
            assertThat(time(plan, AttentionInputs.of(q, k, v), stream)).isGreaterThanOrEqualTo(0);
        }
    }

    @Test
    void launchesWhatItRecorded() {
        AttentionInputs inputs = AttentionInputs.of(q, k, v);
        // @start region="graph"
        try (AttentionPlan plan = engine.plan(PlanSpec.forTensors(q, k, v, null, AttentionOptions.moba(4, 2)));
                CudaStream stream = CudaStream.create(engine);
                CudaGraph graph = CudaGraph.capture(stream, () -> {
                    plan.attend(inputs, AttentionOutputs.of(o), stream);
                    engine.copy(o, result, stream);
                })) {
            for (int step = 0; step < 3; step++) {
                graph.launch(stream); // reads what q, k and v hold then
                stream.synchronize();
            }
        }
        // @end
        assertThat(result.getFloat(15, 3, 7)).isEqualTo(2);
    }

    private String failure(CudaEvent neverRecorded) {
        // @start region="failure"
        try {
            return "took " + neverRecorded.millisecondsTo(neverRecorded) + " ms";
        } catch (DeviceException e) {
            return e.getMessage(); // CUDA's name of the error, and whether the device is lost
        }
        // @end
    }

    @Test
    void namesTheErrorOfTheDevice() {
        try (CudaEvent event = CudaEvent.create(engine)) {
            assertThat(failure(event)).contains("cudaError");
        }
    }

    private Tensor workingMemory(long elements) {
        // @start region="memory"
        while (true) {
            try {
                return engine.allocate(arena, DType.F32, elements);
            } catch (OutOfDeviceMemoryException e) { // the engine stays usable
                elements /= 2;
            }
        }
        // @end
    }

    @Test
    void takesWhatThereIs() {
        assertThat(workingMemory(1L << 40).elementCount()).isLessThan(1L << 40);
    }

    @Test
    void tellsHowMuchMemoryIsLeft() {
        // @start region="memory-info"
        DeviceMemory memory = engine.deviceMemory();
        double share = (double) memory.freeBytes() / memory.totalBytes();
        // @end
        assertThat(share).isBetween(0.0, 1.0);
    }

    @Test
    void takesOverATensorOfAnotherLibrary() {
        ForeignTensor foreign = ForeignTensor.managed(arena, k);
        MemorySegment managed = foreign.struct();
        // @start region="dlpack"
        try (Arena owner = Arena.ofShared()) {
            Tensor keys = DLPack.take(engine, owner, managed); // a view: nothing is copied
            engine.attend(AttentionInputs.of(q, keys, keys), AttentionOutputs.of(o), AttentionOptions.moba(4, 2));
        } // here the other library gets its tensor back
        // @end
        engine.copy(o, result);
        assertThat(result.getFloat(15, 3, 7)).isEqualTo(2);
        assertThat(foreign.deletions()).isEqualTo(1);
    }
}
