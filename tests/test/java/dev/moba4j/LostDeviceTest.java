package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A process that has lost its device, by a write beside memory that the emulated one finds, in a JVM of its own. */
@Tag("device")
class LostDeviceTest {
    private static final String SENTENCE = "DeviceException.*cudaErrorIllegalAddress.*this error is sticky.*";

    /** Loses the device, then uses and closes everything; prints what each of it throws. */
    public static final class Probe {
        private Probe() {}

        /** Entry of the forked JVM. */
        public static void main(String[] arguments) {
            Engine engine = Backend.CUDA.open(0);
            Arena arena = Arena.ofShared();
            Arena damaged = Arena.ofShared();
            Tensor source = engine.allocate(arena, DType.F32, 25);
            Tensor target = engine.allocate(arena, DType.F32, 25);
            Tensor written = engine.allocate(damaged, DType.F32, 25);
            Call call = new Call(engine, Cases.twoSequences(1), Layout.PACKED);
            AttentionPlan plan = engine.plan(call.spec());
            CudaStream stream = CudaStream.create(engine);
            CudaEvent event = CudaEvent.create(engine);
            plan.attend(call.inputs(), call.outputs(), stream); // the plan has a workspace, the stream work
            MemorySegment.ofAddress(written.segment().address() + 100)
                    .reinterpret(1)
                    .set(ValueLayout.JAVA_BYTE, 0, (byte) 0);
            attempt("lose", damaged::close);
            attempt("run", () -> plan.attend(call.inputs(), call.outputs(), stream));
            attempt("copy", () -> engine.copy(source, target, stream));
            attempt("synchronize", stream::synchronize);
            attempt("close event", event::close);
            attempt("close stream", stream::close);
            attempt("close plan", plan::close);
            attempt("close arena", arena::close);
            attempt("close engine", engine::close);
            for (AutoCloseable closed : List.of(event, stream, plan, engine)) {
                attempt("close again", closed::close);
            }
            System.out.println("alive");
        }

        private interface Action {
            void run() throws Exception;
        }

        private static void attempt(String name, Action action) {
            try {
                action.run();
                System.out.println(name + ": done");
            } catch (Exception e) {
                System.out.println(name + ": " + e);
            }
        }
    }

    @Test
    void stickyErrorIsNamedByEveryCallAndLeavesTheJvmAlive() throws Exception {
        try (Engine engine = Backend.CUDA.open(0)) {
            assumeThat(engine.info().device()).startsWith("emulation");
        }
        List<String> lines = ChildProcess.output(
                        List.of(
                                ChildProcess.jdk("java"),
                                "--enable-native-access=ALL-UNNAMED",
                                "--add-modules",
                                "jdk.incubator.vector",
                                "-cp",
                                System.getProperty("java.class.path"),
                                Probe.class.getName()),
                        Map.of())
                .lines()
                .filter(line -> !line.startsWith("WARNING"))
                .toList();
        assertThat(lines.subList(0, 8)).allSatisfy(line -> assertThat(line).matches(".*" + SENTENCE));
        assertThat(lines.subList(9, 14))
                .containsExactly(
                        "close again: done", "close again: done", "close again: done", "close again: done", "alive");
    }
}
