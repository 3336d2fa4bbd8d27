package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Routes;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Tensors reach the native library where they lie, and a run allocates nothing that grows with them. */
@EnabledIf("dev.moba4j.Backend#nativeExpected")
class MemoryUseTest {
    @TempDir
    Path directory;

    @Test
    void runAllocatesNothingOfTheSizeOfItsTensorsOnTheHeap() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Problem problem = Cases.named("1100 tokens, B 128").problem(DType.F32);
        try (Call call = new Call(Backend.NATIVE.engine(), problem, Layout.PACKED);
                Engine engine = Backend.NATIVE.open(1);
                AttentionPlan plan = engine.plan(call.spec())) {
            AttentionInputs inputs = call.inputs();
            AttentionOutputs outputs = call.outputs();
            for (int i = 0; i < 20; i++) {
                plan.attend(inputs, outputs);
            }
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 20; i++) {
                plan.attend(inputs, outputs);
            }
            long perRun = (threads.getCurrentThreadAllocatedBytes() - before) / 20;
            assertThat(perRun).as("heap bytes of one run").isLessThan(65_536);
            call.assertRight();
        }
    }

    @Test
    void workspaceIsLinearInTokens() {
        long small = workspace(10_000);
        long large = workspace(80_000);
        assertThat(small).isPositive();
        assertThat((double) large / small).isBetween(2.0, 9.0);
    }

    private static long workspace(long tokens) {
        PlanSpec spec = new PlanSpec(DType.BF16, 8, 2, 128, 128, tokens, tokens, 1, 0, AttentionOptions.moba(512, 3));
        try (AttentionPlan plan = Backend.NATIVE.engine().plan(spec)) {
            return plan.workspaceBytes();
        }
    }

    @Test
    void mappedFilesAreReadAndWrittenInPlace() throws IOException {
        Problem problem = Cases.named("H 8, G 2").problem(DType.F32);
        long bytesQ = problem.q().length * 4L;
        long bytesK = problem.k().length * 4L;
        Path file = directory.resolve("tensors");
        try (Arena arena = Arena.ofShared();
                FileChannel channel = FileChannel.open(
                        file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, 2 * bytesQ + 2 * bytesK, arena);
            Tensor q = Tensor.wrap(mapped.asSlice(0, bytesQ), DType.F32, 75, 8, 24);
            Tensor k = Tensor.wrap(mapped.asSlice(bytesQ, bytesK), DType.F32, 75, 2, 24);
            Tensor v = Tensor.wrap(mapped.asSlice(bytesQ + bytesK, bytesK), DType.F32, 75, 2, 24);
            Tensor o = Tensor.wrap(mapped.asSlice(bytesQ + 2 * bytesK), DType.F32, 75, 8, 24);
            q.segment().copyFrom(MemorySegment.ofArray(problem.q()));
            k.segment().copyFrom(MemorySegment.ofArray(problem.k()));
            v.segment().copyFrom(MemorySegment.ofArray(problem.v()));
            assertThat(o.address()).isEqualTo(mapped.address() + bytesQ + 2 * bytesK);
            Backend.NATIVE.engine().attend(AttentionInputs.of(q, k, v), AttentionOutputs.of(o), problem.options());
            try (Call expected = Call.attended(Backend.NATIVE, problem)) {
                Tensor read = Tensor.map(arena, file, bytesQ + 2 * bytesK, DType.F32, 75, 8, 24);
                assertThat(read.toFloats()).isEqualTo(expected.o.floats());
            }
        }
    }

    /** A view whose tokens lie gigabytes apart is attended to without a copy: there is no memory for one. */
    @Test
    void stridesBeyondFourGibibytesNeedNoCopy() throws IOException {
        Problem problem = Problem.shape(DType.F32)
                .lengths(40)
                .options(AttentionOptions.moba(8, 3))
                .normal(3);
        long tokenStride = 256L << 20;
        try (Arena arena = Arena.ofShared();
                FileChannel channel = FileChannel.open(
                        directory.resolve("sparse"),
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE)) {
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, 40 * tokenStride * 4, arena);
            long[] strides = {tokenStride, 8, 1};
            long[] shape = {40, 1, 8};
            Tensor q = Tensor.wrap(mapped, DType.F32, shape, strides);
            Tensor k = Tensor.wrap(mapped.asSlice(4096), DType.F32, shape, strides);
            Tensor v = Tensor.wrap(mapped.asSlice(8192), DType.F32, shape, strides);
            Tensor o = Tensor.wrap(mapped.asSlice(12_288), DType.F32, shape, strides);
            write(q, problem.q());
            write(k, problem.k());
            write(v, problem.v());
            Tensor selected = Tensor.allocate(arena, DType.I32, 40, 1, 3);
            Backend.NATIVE
                    .engine()
                    .attend(AttentionInputs.of(q, k, v), AttentionOutputs.of(o, null, selected), problem.options());
            Routes.assertSelection(problem, selected.toInts(), 3);
            try (Call expected = Call.attended(Backend.NATIVE, problem)) {
                assertThat(o.toFloats()).isEqualTo(expected.o.floats());
            }
        }
    }

    private static void write(Tensor tensor, float[] values) {
        for (int i = 0; i < values.length; i++) {
            tensor.setFloat(values[i], i / 8, 0, i % 8);
        }
    }
}
