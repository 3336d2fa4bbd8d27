package dev.moba4j;

import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.moba4j.oracle.Numerics;
import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Routes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** No backend reads or writes a byte before or behind a tensor: every tensor touches a page without access. */
@EnabledOnOs(OS.LINUX)
class GuardPageTest {
    private interface Place {
        MemorySegment of(Arena arena, long bytes);
    }

    static Stream<Arguments> problems() {
        List<String> names = List.of(
                "one token",
                "odd tail",
                "packed with empty and one-token sequences",
                "D 1, Dv 1",
                "D 7, Dv 7",
                "D 33, Dv 31",
                "D 257, Dv 300",
                "H 7, G 1",
                "B 3, K 4",
                "full, packed",
                "more queries than keys");
        return Backend.allTargets().stream()
                .flatMap(backend -> names.stream().flatMap(name -> Stream.of(DType.F32, DType.F16, DType.BF16)
                        .map(dtype -> arguments(backend, Cases.named(name), dtype))));
    }

    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("problems")
    void attendStaysWithinItsTensors(Backend backend, Cases c, DType dtype) {
        attend(backend, c.problem(dtype), GuardedMemory::before);
        attend(backend, c.problem(dtype), GuardedMemory::after);
    }

    private static void attend(Backend backend, Problem problem, Place place) {
        int tq = problem.tokensQ();
        int tk = problem.tokensK();
        try (Arena arena = Arena.ofShared()) {
            AttentionInputs inputs = AttentionInputs.of(
                            floats(place, arena, problem.dtype(), problem.q(), tq, problem.heads(), problem.headDim()),
                            floats(
                                    place,
                                    arena,
                                    problem.dtype(),
                                    problem.k(),
                                    tk,
                                    problem.kvHeads(),
                                    problem.headDim()),
                            floats(
                                    place,
                                    arena,
                                    problem.dtype(),
                                    problem.v(),
                                    tk,
                                    problem.kvHeads(),
                                    problem.headDimV()))
                    .withCuSeqlens(ints(place, arena, problem.cuSeqlensQ()), ints(place, arena, problem.cuSeqlensK()));
            Tensor o = empty(place, arena, problem.dtype(), tq, problem.heads(), problem.headDimV());
            Tensor lse = empty(place, arena, DType.F32, tq, problem.heads());
            Tensor selected = problem.options().full()
                    ? null
                    : empty(place, arena, DType.I32, tq, problem.heads(), problem.selectionWidth());
            try (AttentionPlan plan =
                    backend.engine().plan(Call.spec(problem, problem.options().full() ? 0 : 9))) {
                plan.attend(inputs, AttentionOutputs.of(o, lse, selected));
                int[][] rows = selected == null ? null : Routes.rows(selected.toInts(), problem.selectionWidth());
                Numerics.assertAttention(problem, rows, o.toFloats(), lse.toFloats());
                if (selected != null) {
                    plan.attendSelected(inputs, selected, AttentionOutputs.of(o, lse));
                    Numerics.assertAttention(problem, rows, o.toFloats(), lse.toFloats());
                }
            }
        }
    }

    private static Tensor empty(Place place, Arena arena, DType dtype, long... shape) {
        long bytes = dtype.byteSize();
        for (long size : shape) {
            bytes *= size;
        }
        return Tensor.wrap(place.of(arena, bytes), dtype, shape);
    }

    private static Tensor floats(Place place, Arena arena, DType dtype, float[] values, long... shape) {
        Tensor tensor = empty(place, arena, dtype, shape);
        try (Arena own = Arena.ofConfined()) {
            tensor.segment().copyFrom(Tensor.ofFloats(own, dtype, values, shape).segment());
        }
        return tensor;
    }

    private static Tensor ints(Place place, Arena arena, int[] values) {
        Tensor tensor = empty(place, arena, DType.I32, values.length);
        for (int i = 0; i < values.length; i++) {
            tensor.setLong(values[i], i);
        }
        return tensor;
    }
}
