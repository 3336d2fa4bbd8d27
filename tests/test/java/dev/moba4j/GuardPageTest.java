package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
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
    void callsStayWithinTheirTensors(Backend backend, Cases c, DType dtype) {
        for (Layout layout : new Layout[] {Layout.PACKED, Layout.HEAD_MAJOR, Layout.GAPS}) {
            call(backend, c.problem(dtype), new Placement(GuardedMemory::before, layout));
            call(backend, c.problem(dtype), new Placement(GuardedMemory::after, layout));
        }
    }

    private static void call(Backend backend, Problem problem, Placement placement) {
        int tq = problem.tokensQ();
        int tk = problem.tokensK();
        int heads = problem.heads();
        int kvHeads = problem.kvHeads();
        DType dtype = problem.dtype();
        try (Arena arena = Arena.ofShared()) {
            AttentionInputs inputs = AttentionInputs.of(
                            placement.floats(arena, dtype, problem.q(), tq, heads, problem.headDim()),
                            placement.floats(arena, dtype, problem.k(), tk, kvHeads, problem.headDim()),
                            placement.floats(arena, dtype, problem.v(), tk, kvHeads, problem.headDimV()))
                    .withCuSeqlens(
                            placement.offsets(arena, problem.cuSeqlensQ()),
                            placement.offsets(arena, problem.cuSeqlensK()));
            Tensor o = placement.rows(arena, dtype, tq, heads, problem.headDimV());
            Tensor lse = placement.lse(arena, tq, heads);
            Tensor selected = problem.options().full()
                    ? null
                    : placement.rows(arena, DType.I32, tq, heads, problem.selectionWidth());
            try (AttentionPlan plan =
                    backend.engine().plan(Call.spec(problem, problem.options().full() ? 0 : 9))) {
                plan.attend(inputs, AttentionOutputs.of(o, lse, selected));
                int[][] rows = selected == null ? null : Routes.rows(selected.toInts(), problem.selectionWidth());
                Numerics.assertAttention(problem, rows, o.toFloats(), lse.toFloats());
                if (selected != null) {
                    plan.attendSelected(inputs, selected, AttentionOutputs.of(o, lse));
                    Numerics.assertAttention(problem, rows, o.toFloats(), lse.toFloats());
                    plan.route(inputs, selected);
                }
            }
            Tensor merged = placement.rows(arena, dtype, tq, heads, problem.headDimV());
            backend.engine().mergeStates(o, lse, o, lse, merged, placement.lse(arena, tq, heads));
            assertThat(merged.toFloats()).as("two equal halves").isEqualTo(o.toFloats());
        }
    }

    /** Where tensors lie between their guard pages, and how: exactly the bytes from the first element to the last. */
    private record Placement(Place place, Layout layout) {
        Tensor rows(Arena arena, DType dtype, long tokens, long heads, long channels) {
            long[] strides = layout.strides(tokens, heads, channels);
            return tensor(arena, dtype, new long[] {tokens, heads, channels}, new long[] {strides[1], strides[2], 1});
        }

        Tensor lse(Arena arena, long tokens, long heads) {
            long[] strides = layout.strides(tokens, heads, 1);
            return tensor(arena, DType.F32, new long[] {tokens, heads}, new long[] {strides[1], strides[2]});
        }

        Tensor floats(Arena arena, DType dtype, float[] values, int tokens, int heads, int channels) {
            Tensor tensor = rows(arena, dtype, tokens, heads, channels);
            for (int i = 0; i < values.length; i++) {
                tensor.setFloat(values[i], i / channels / heads, i / channels % heads, i % channels);
            }
            return tensor;
        }

        Tensor offsets(Arena arena, int[] values) {
            DType dtype = layout == Layout.PACKED ? DType.I32 : DType.I64;
            Tensor tensor = tensor(arena, dtype, new long[] {values.length}, new long[] {1});
            for (int i = 0; i < values.length; i++) {
                tensor.setLong(values[i], i);
            }
            return tensor;
        }

        private Tensor tensor(Arena arena, DType dtype, long[] shape, long[] strides) {
            long elements = 1;
            for (int axis = 0; axis < shape.length; axis++) {
                elements += (shape[axis] - 1) * strides[axis];
            }
            return Tensor.wrap(place.of(arena, elements * dtype.byteSize()), dtype, shape, strides);
        }
    }
}
