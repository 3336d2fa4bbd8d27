package dev.moba4j.dlpack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.moba4j.DLPack;
import dev.moba4j.DType;
import dev.moba4j.Device;
import dev.moba4j.Engine;
import dev.moba4j.EngineOptions;
import dev.moba4j.Sentences;
import dev.moba4j.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tensors of other libraries, in all forms that DLPack has for them. */
class DLPackTest {
    private final Arena arena = Arena.ofShared();
    private final Engine engine = Engine.open(EngineOptions.defaults().withBackend("scalar"));
    private final Tensor ours = Tensor.ofFloats(arena, DType.F32, new float[] {1, 2, 3, 4, 5, 6}, 2, 3);

    @AfterEach
    void close() {
        engine.close();
        arena.close();
    }

    @ParameterizedTest
    @EnumSource
    void everyElementTypeIsUnderstood(DType dtype) {
        Tensor tensor = Tensor.allocate(arena, dtype, 3, 2);
        Tensor view = DLPack.wrap(ForeignTensor.plain(arena, tensor).struct());
        assertThat(view.dtype()).isEqualTo(dtype);
        assertThat(view.shape()).containsExactly(3, 2);
        assertThat(view.address()).isEqualTo(tensor.address());
        assertThat(view.device()).isEqualTo(Device.CPU);
    }

    @Test
    void stridesAndOffsetAreFollowed() {
        Tensor transposed = ours.permute(1, 0);
        ForeignTensor foreign = ForeignTensor.plain(arena, transposed);
        assertThat(DLPack.wrap(foreign.struct()).toFloats()).containsExactly(1, 4, 2, 5, 3, 6);
        foreign.tensor().set(ValueLayout.ADDRESS, ForeignTensor.STRIDES, MemorySegment.NULL);
        assertThat(DLPack.wrap(foreign.struct()).toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
        ForeignTensor second = ForeignTensor.plain(arena, ours.slice(0, 0, 1));
        second.tensor().set(ValueLayout.JAVA_LONG, ForeignTensor.BYTE_OFFSET, 12);
        assertThat(DLPack.wrap(second.struct()).toFloats()).containsExactly(4, 5, 6);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 13})
    void memoryOfADeviceIsOutOfJavasReach(int deviceType) {
        ForeignTensor foreign = ForeignTensor.plain(arena, ours);
        foreign.tensor().set(ValueLayout.JAVA_INT, ForeignTensor.DEVICE_TYPE, deviceType);
        foreign.tensor().set(ValueLayout.JAVA_INT, ForeignTensor.DEVICE_ID, 3);
        Tensor view = DLPack.wrap(foreign.struct());
        assertThat(view.device()).isEqualTo(Device.cuda(3));
        assertThat(view.address()).isEqualTo(ours.address());
        assertThat(view.segment().byteSize()).isZero();
    }

    @Test
    void pageLockedMemoryIsTheProcessors() {
        ForeignTensor foreign = ForeignTensor.plain(arena, ours);
        foreign.tensor().set(ValueLayout.JAVA_INT, ForeignTensor.DEVICE_TYPE, 3);
        foreign.tensor().set(ValueLayout.JAVA_INT, ForeignTensor.DEVICE_ID, 1);
        assertThat(DLPack.wrap(foreign.struct()).getFloat(1, 2)).isEqualTo(6);
    }

    @Test
    void deleterIsCalledOnceWhenTheArenaCloses() {
        for (boolean versioned : new boolean[] {false, true}) {
            ForeignTensor foreign =
                    versioned ? ForeignTensor.versioned(arena, ours, 1, 0) : ForeignTensor.managed(arena, ours);
            try (Arena owner = Arena.ofConfined()) {
                Tensor view = versioned
                        ? DLPack.takeVersioned(engine, owner, foreign.struct())
                        : DLPack.take(engine, owner, foreign.struct());
                assertThat(view.toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
                view.setFloat(7, 0, 0);
                view.setFloat(1, 0, 0);
                assertThat(foreign.deletions()).isZero();
            }
            assertThat(foreign.deletions()).isEqualTo(1);
        }
    }

    @Test
    void deleterMayBeAbsent() {
        ForeignTensor foreign = ForeignTensor.managed(arena, ours);
        MemorySegment.ofAddress(foreign.struct().address())
                .reinterpret(64)
                .set(ValueLayout.ADDRESS, 56, MemorySegment.NULL);
        try (Arena owner = Arena.ofConfined()) {
            assertThat(DLPack.take(engine, owner, foreign.struct()).getFloat(0, 1))
                    .isEqualTo(2);
        }
        assertThat(foreign.deletions()).isZero();
    }

    @Test
    void readOnlyTensorCannotBeWritten() {
        ForeignTensor foreign = ForeignTensor.versioned(arena, ours, 1, 1);
        try (Arena owner = Arena.ofConfined()) {
            assertThat(DLPack.takeVersioned(engine, owner, foreign.struct())
                            .segment()
                            .isReadOnly())
                    .isTrue();
        }
    }

    private record Row(String name, Consumer<MemorySegment> change, String... parts) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Row> refusals() {
        return Stream.of(
                new Row("scalar", t -> t.set(ValueLayout.JAVA_INT, ForeignTensor.NDIM, 0), "ndim", "0", "1 to 16"),
                new Row("rank", t -> t.set(ValueLayout.JAVA_INT, ForeignTensor.NDIM, 17), "ndim", "17", "1 to 16"),
                new Row(
                        "no shape",
                        t -> t.set(ValueLayout.ADDRESS, ForeignTensor.SHAPE, MemorySegment.NULL),
                        "shape is NULL",
                        "2"),
                new Row(
                        "float64",
                        t -> t.set(ValueLayout.JAVA_BYTE, ForeignTensor.DTYPE_BITS, (byte) 64),
                        "code 2, bits 64",
                        "bfloat16"),
                new Row(
                        "unsigned",
                        t -> t.set(ValueLayout.JAVA_BYTE, ForeignTensor.DTYPE_CODE, (byte) 1),
                        "code 1, bits 32",
                        "int32"),
                new Row(
                        "lanes",
                        t -> t.set(ValueLayout.JAVA_SHORT, ForeignTensor.DTYPE_LANES, (short) 4),
                        "lanes 4",
                        "expected"),
                new Row(
                        "device",
                        t -> t.set(ValueLayout.JAVA_INT, ForeignTensor.DEVICE_TYPE, 10),
                        "device_type",
                        "10",
                        "kDLCUDA"),
                new Row(
                        "alignment",
                        t -> t.set(ValueLayout.JAVA_LONG, ForeignTensor.BYTE_OFFSET, 2),
                        "address",
                        "multiple of 4"),
                new Row(
                        "negative stride",
                        t -> t.get(ValueLayout.ADDRESS, ForeignTensor.STRIDES)
                                .reinterpret(16)
                                .set(ValueLayout.JAVA_LONG, 8, -1),
                        "strides[1]",
                        "-1"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("refusals")
    void whatIsNotUnderstoodIsRefusedAndStaysWithItsOwner(Row row) {
        ForeignTensor foreign = ForeignTensor.managed(arena, ours);
        row.change.accept(foreign.tensor());
        try (Arena owner = Arena.ofConfined()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> DLPack.take(engine, owner, foreign.struct()))
                    .satisfies(e -> Sentences.assertSentence(e, row.parts));
        }
        assertThat(foreign.deletions()).isZero();
    }

    @Test
    void otherMajorVersionIsRefused() {
        ForeignTensor foreign = ForeignTensor.versioned(arena, ours, 2, 0);
        try (Arena owner = Arena.ofConfined()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> DLPack.takeVersioned(engine, owner, foreign.struct()))
                    .satisfies(e -> Sentences.assertSentence(e, "version.major", "2", "1"));
        }
        assertThat(foreign.deletions()).isZero();
    }
}
