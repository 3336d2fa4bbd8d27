package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Defaults of options and specs, and the sentences about values they cannot have. */
@Tag("cuda")
class OptionsTest {
    private static final AttentionOptions MOBA = AttentionOptions.moba(64, 3);

    private record Row(String name, Runnable call, String... parts) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Row> badOptions() {
        return Stream.of(
                new Row("block size 0", () -> AttentionOptions.moba(0, 3), "blockSize", "0", "at least 1"),
                new Row("block size negative", () -> AttentionOptions.moba(-64, 3), "blockSize", "-64", "at least 1"),
                new Row("top-k 0", () -> AttentionOptions.moba(64, 0), "topK", "0", "at least 1"),
                new Row("top-k negative", () -> AttentionOptions.moba(64, -1), "topK", "-1", "at least 1"),
                new Row("selected block size 0", () -> AttentionOptions.selected(0), "blockSize", "0", "at least 1"),
                new Row("sinks negative", () -> MOBA.withSinkBlocks(-1), "sinkBlocks", "-1", "at least 0"),
                new Row("no local block", () -> MOBA.withLocalBlocks(0), "localBlocks", "0", "at least 1"),
                new Row("more forced than K", () -> MOBA.withSinkBlocks(3), "sinkBlocks", "localBlocks", "3", "topK"),
                new Row("more local than K", () -> MOBA.withLocalBlocks(4), "localBlocks", "4", "topK = 3"),
                new Row(
                        "forced blocks that overflow",
                        () -> MOBA.withSinkBlocks(Long.MAX_VALUE),
                        "sinkBlocks",
                        "topK = 3"),
                new Row(
                        "local blocks, not causal",
                        () -> MOBA.withLocalBlocks(2).withCausal(false),
                        "localBlocks",
                        "2",
                        "causal"),
                new Row("scale 0", () -> MOBA.withSoftmaxScale(0), "softmaxScale", "0.0", "greater than 0"),
                new Row("scale negative", () -> MOBA.withSoftmaxScale(-0.1), "softmaxScale", "-0.1", "greater than 0"),
                new Row("scale NaN", () -> MOBA.withSoftmaxScale(Double.NaN), "softmaxScale", "NaN", "finite"),
                new Row(
                        "scale infinite",
                        () -> MOBA.withSoftmaxScale(Double.POSITIVE_INFINITY),
                        "softmaxScale",
                        "Infinity",
                        "finite"),
                new Row(
                        "full with sinks",
                        () -> AttentionOptions.fullAttention().withSinkBlocks(1),
                        "sinkBlocks",
                        "full"),
                new Row("full with K", () -> full(0, 3), "topK", "3", "full"),
                new Row("full with blocks", () -> full(64, 0), "blockSize", "64", "full"),
                new Row("plan dtype", () -> spec(DType.I32, 4, 2, 8, 8, 1, 1, 1, 0), "dtype", "I32", "F32"),
                new Row("plan heads", () -> spec(DType.F32, 0, 1, 8, 8, 1, 1, 1, 0), "heads", "0", "1 to 1048576"),
                new Row("plan kv heads", () -> spec(DType.F32, 4, 0, 8, 8, 1, 1, 1, 0), "kvHeads", "0", "1 to 1048576"),
                new Row("H not a multiple of G", () -> spec(DType.F32, 8, 3, 8, 8, 1, 1, 1, 0), "kvHeads", "3", "8"),
                new Row(
                        "fewer heads than kv heads",
                        () -> spec(DType.F32, 2, 4, 8, 8, 1, 1, 1, 0),
                        "kvHeads",
                        "4",
                        "2"),
                new Row("D 0", () -> spec(DType.F32, 4, 2, 0, 8, 1, 1, 1, 0), "headDim", "0", "1024"),
                new Row("D too large", () -> spec(DType.F32, 4, 2, 1025, 8, 1, 1, 1, 0), "headDim", "1025", "1024"),
                new Row("Dv 0", () -> spec(DType.F32, 4, 2, 8, 0, 1, 1, 1, 0), "headDimV", "0", "1024"),
                new Row("Dv too large", () -> spec(DType.F32, 4, 2, 8, 4096, 1, 1, 1, 0), "headDimV", "4096", "1024"),
                new Row("tokens negative", () -> spec(DType.F32, 4, 2, 8, 8, -1, 1, 1, 0), "maxTokensQ", "-1"),
                new Row("key tokens negative", () -> spec(DType.F32, 4, 2, 8, 8, 1, -1, 1, 0), "maxTokensK", "-1"),
                new Row(
                        "tokens beyond any",
                        () -> spec(DType.F32, 4, 2, 8, 8, Long.MAX_VALUE, 1, 1, 0),
                        "maxTokensQ",
                        "1099511627776"),
                new Row("no sequence", () -> spec(DType.F32, 4, 2, 8, 8, 1, 1, 0, 0), "maxSequences", "0", "expected"),
                new Row("selected negative", () -> spec(DType.F32, 4, 2, 8, 8, 1, 1, 1, -1), "maxSelected", "-1"),
                new Row(
                        "backend unknown",
                        () -> EngineOptions.defaults().withBackend("cuda9"),
                        "backend",
                        "cuda9",
                        "native, cuda, vector, scalar"),
                new Row(
                        "instruction set unknown",
                        () -> EngineOptions.defaults().withCpuTarget("sse"),
                        "cpuTarget",
                        "sse",
                        "avx2"),
                new Row(
                        "device negative",
                        () -> EngineOptions.defaults().withDeviceOrdinal(-1),
                        "deviceOrdinal",
                        "-1",
                        "at least 0"),
                new Row(
                        "device of a backend that has none",
                        () -> Engine.open(EngineOptions.defaults().withDeviceOrdinal(1)),
                        "deviceOrdinal",
                        "1",
                        "cuda alone"),
                new Row("device, ordinal negative", () -> Device.cuda(-1), "ordinal", "-1", "at least 0"),
                new Row("device, second CPU", () -> new Device(Device.Type.CPU, 1), "ordinal", "1", "0 for the CPU"),
                new Row("threads negative", () -> EngineOptions.defaults().withThreads(-1), "threads", "-1"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badOptions")
    void refuses(Row row) {
        assertThatIllegalArgumentException()
                .isThrownBy(row.call::run)
                .satisfies(e -> Sentences.assertSentence(e, row.parts));
    }

    @Test
    void defaultsAreThoseOfTheSpecification() {
        assertThat(AttentionOptions.moba(512, 3))
                .isEqualTo(new AttentionOptions(false, 512, 3, true, Routing.PER_HEAD, 0, 1, OptionalDouble.empty()));
        assertThat(AttentionOptions.fullAttention().full()).isTrue();
        assertThat(AttentionOptions.fullAttention().causal()).isTrue();
        assertThat(EngineOptions.defaults()).isEqualTo(new EngineOptions("auto", 0, "auto", 0));
    }

    @Test
    void withersChangeOneThing() {
        assertThat(MOBA.withCausal(false)
                        .withRouting(Routing.PER_GROUP)
                        .withSinkBlocks(2)
                        .withSoftmaxScale(0.5))
                .isEqualTo(new AttentionOptions(false, 64, 3, false, Routing.PER_GROUP, 2, 1, OptionalDouble.of(0.5)));
        assertThat(MOBA.withLocalBlocks(3).localBlocks()).isEqualTo(3);
    }

    @Test
    void specForTensorsTakesItsNumbersFromThem() {
        try (Arena arena = Arena.ofConfined()) {
            Tensor q = Tensor.allocate(arena, DType.BF16, 20, 8, 64);
            Tensor k = Tensor.allocate(arena, DType.BF16, 24, 2, 64);
            Tensor v = Tensor.allocate(arena, DType.BF16, 24, 2, 32);
            Tensor cuSeqlens = Tensor.allocate(arena, DType.I32, 4);
            assertThat(PlanSpec.forTensors(q, k, v, cuSeqlens, MOBA))
                    .isEqualTo(new PlanSpec(DType.BF16, 8, 2, 64, 32, 20, 24, 3, 0, MOBA));
            assertThat(PlanSpec.forTensors(
                            q.reshape(2, 10, 8, 64), k.reshape(2, 12, 2, 64), v.reshape(2, 12, 2, 32), null, MOBA))
                    .isEqualTo(new PlanSpec(DType.BF16, 8, 2, 64, 32, 20, 24, 2, 0, MOBA));
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void planTooLargeForAnyMachineSaysSoWhenRun(Backend backend) {
        long most = 1L << 40;
        PlanSpec spec = spec(DType.F32, 64, 64, 1024, 1024, most, most, 1, 0);
        try (AttentionPlan plan = backend.engine().plan(spec);
                Arena arena = Arena.ofShared()) {
            Tensor tensor = backend.engine().allocate(arena, DType.F32, 1, 64, 1024);
            Tensor o = backend.engine().allocate(arena, DType.F32, 1, 64, 1024);
            assertThatThrownBy(() -> plan.attend(AttentionInputs.of(tensor, tensor, tensor), AttentionOutputs.of(o)))
                    .isInstanceOf(MobaOutOfMemoryException.class)
                    .satisfies(e -> Sentences.assertSentence(e, Long.toString(plan.workspaceBytes())));
        }
    }

    static Stream<Backend> backends() {
        return Backend.all().stream()
                .filter(backend -> Set.of(Backend.NATIVE, Backend.CUDA).contains(backend));
    }

    private static void full(long blockSize, long topK) {
        new AttentionOptions(true, blockSize, topK, true, Routing.PER_HEAD, 0, 1, OptionalDouble.empty());
    }

    private static PlanSpec spec(
            DType dtype,
            long heads,
            long kvHeads,
            long headDim,
            long headDimV,
            long maxTokensQ,
            long maxTokensK,
            long maxSequences,
            long maxSelected) {
        return new PlanSpec(
                dtype, heads, kvHeads, headDim, headDimV, maxTokensQ, maxTokensK, maxSequences, maxSelected, MOBA);
    }
}
