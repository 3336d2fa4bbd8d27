package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tensors in memory of a device: made, filled, read, refused where they do not belong, and freed. */
@Tag("device")
class DeviceTensorTest {
    private static final Device DEVICE = Device.cuda(0);

    private final Arena arena = Arena.ofShared();
    private final Engine engine = Backend.CUDA.engine();

    @AfterEach
    void close() {
        arena.close();
    }

    @ParameterizedTest
    @EnumSource
    void copiesGoToTheDeviceWithinItAndBack(DType dtype) {
        Tensor source = Tensor.allocate(arena, dtype, 5, 3);
        Tensor first = engine.allocate(arena, dtype, 5, 3);
        Tensor second = engine.allocate(arena, dtype, 5, 3);
        Tensor target = engine.allocatePinned(arena, dtype, 5, 3);
        for (long i = 0; i < source.segment().byteSize(); i++) {
            source.segment().set(ValueLayout.JAVA_BYTE, i, (byte) (3 * i + 1));
        }
        assertThat(target.segment().mismatch(source.segment())).isZero();
        engine.copy(source, first);
        engine.copy(first, second);
        engine.copy(second, target);
        assertThat(target.segment().mismatch(source.segment())).isEqualTo(-1);
    }

    @Test
    void viewsHaveTheirOwnAddressAndAreCopiedAlone() {
        Tensor whole = engine.allocate(arena, DType.F32, 4, 3);
        engine.copy(Tensor.ofFloats(arena, DType.F32, new float[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 4, 3), whole);
        Tensor view = whole.slice(0, 2, 4);
        assertThat(view.address()).isEqualTo(whole.address() + 2 * 3 * 4);
        assertThat(view.slice(0, 1, 2).select(0, 0).address()).isEqualTo(whole.address() + 3 * 3 * 4);
        assertThat(view.device()).isEqualTo(DEVICE);
        Tensor host = Tensor.allocate(arena, DType.F32, 2, 3);
        engine.copy(view, host);
        assertThat(host.toFloats()).containsExactly(6, 7, 8, 9, 10, 11);
    }

    @Test
    void tensorWithoutElementsNeedsNoMemory() {
        Tensor empty = engine.allocate(arena, DType.F32, 0, 3);
        Tensor host = engine.allocatePinned(arena, DType.F32, 0, 3);
        engine.copy(empty, host);
        assertThat(empty.elementCount()).isZero();
    }

    @Test
    void pinnedMemoryIsOrdinaryMemoryOfZeros() {
        Tensor pinned = engine.allocatePinned(arena, DType.F32, 2, 2);
        assertThat(pinned.device()).isEqualTo(Device.CPU);
        assertThat(pinned.toFloats()).containsOnly(0);
        assertThat(pinned.fill(3).getFloat(1, 1)).isEqualTo(3);
    }

    @Test
    void javaNeitherReadsNorWritesThere() {
        Tensor floats = engine.allocate(arena, DType.F32, 2, 2);
        Tensor ints = engine.allocate(arena, DType.I32, 2);
        for (ThrowingCallable use : List.<ThrowingCallable>of(
                () -> floats.getFloat(0, 0),
                () -> floats.setFloat(1, 0, 0),
                floats::toFloats,
                () -> floats.fill(1),
                () -> floats.copy(arena),
                () -> ints.getLong(0),
                () -> ints.setLong(1, 0),
                ints::toInts)) {
            assertThatIllegalStateException()
                    .isThrownBy(use)
                    .satisfies(e -> Sentences.assertSentence(e, "cuda:0", "Engine.copy"));
        }
        assertThatThrownBy(() -> floats.segment().get(ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(floats).hasToString("Tensor[F32, shape [2, 2], strides [2, 1], cuda:0]");
    }

    @Test
    void pointersOfOtherLibrariesAreWrapped() {
        Tensor owner = engine.allocate(arena, DType.F32, 2, 3);
        engine.copy(Tensor.ofFloats(arena, DType.F32, new float[] {1, 2, 3, 4, 5, 6}, 2, 3), owner);
        Tensor view = Tensor.wrap(DEVICE, MemorySegment.ofAddress(owner.address()), DType.F32, 6);
        Tensor host = Tensor.allocate(arena, DType.F32, 6);
        engine.copy(view, host);
        assertThat(host.toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Tensor.wrap(DEVICE, MemorySegment.ofAddress(owner.address() + 2), DType.F32, 1))
                .satisfies(e -> Sentences.assertSentence(e, "multiple of 4"));
    }

    @Test
    void tensorsOfTheWrongDeviceAreRefusedByName() {
        Tensor host = Tensor.allocate(arena, DType.F32, 16, 2, 8);
        Tensor ours = engine.allocate(arena, DType.F32, 16, 2, 8);
        Tensor other = Tensor.wrap(Device.cuda(1), ours.segment(), DType.F32, 16, 2, 8);
        AttentionOptions options = AttentionOptions.moba(4, 2);
        assertRefused(
                () -> engine.attend(AttentionInputs.of(ours, host, ours), AttentionOutputs.of(ours), options),
                "k lies on cpu",
                "expected cuda:0",
                "Engine.copy");
        assertRefused(
                () -> engine.attend(AttentionInputs.of(other, ours, ours), AttentionOutputs.of(ours), options),
                "q lies on cuda:1",
                "expected cuda:0");
        assertRefused(() -> engine.copy(host, other), "target lies on cuda:1", "expected cuda:0");
        Tensor cuSeqlens = engine.allocate(arena, DType.I32, 2);
        assertRefused(
                () -> engine.attend(
                        AttentionInputs.of(ours, ours, ours, cuSeqlens), AttentionOutputs.of(ours), options),
                "cuSeqlensQ lies on cuda:0",
                "expected cpu");
        try (Engine scalar = Backend.SCALAR.open(1)) {
            assertThat(scalar.device()).isEqualTo(Device.CPU);
            assertRefused(
                    () -> scalar.attend(AttentionInputs.of(ours, host, host), AttentionOutputs.of(host), options),
                    "q lies on cuda:0",
                    "expected cpu");
            assertRefused(() -> scalar.copy(ours, host), "source lies on cuda:0", "expected cpu");
        }
    }

    @Test
    void copiesThatDoNotFitAreRefused() {
        Tensor ours = engine.allocate(arena, DType.F32, 4, 3);
        Tensor host = Tensor.allocate(arena, DType.F32, 4, 3);
        assertRefused(() -> engine.copy(null, ours), "source is null");
        assertRefused(() -> engine.copy(host, Tensor.allocate(arena, DType.I32, 4, 3)), "target", "I32", "F32");
        assertRefused(() -> engine.copy(host, ours.slice(0, 0, 3)), "target.dim(0)", "3", "4");
        assertRefused(() -> engine.copy(host.reshape(12), ours), "target.rank()", "2", "1");
        assertRefused(() -> engine.copy(host.slice(1, 0, 2), ours.slice(1, 0, 2)), "source", "contiguous");
        assertRefused(() -> engine.copy(ours, ours), "target", "memory", "source");
        Tensor readOnly = Tensor.wrap(host.segment().asReadOnly(), DType.F32, 4, 3);
        assertRefused(() -> engine.copy(ours, readOnly), "target", "read-only");
    }

    @Test
    void memoryIsFreedWithItsArenaAlsoAfterTheEngine() {
        long before = engine.deviceMemory().freeBytes();
        Engine other = Backend.CUDA.open(0);
        try (Arena own = Arena.ofConfined()) {
            other.allocate(own, DType.F32, 1 << 24);
            other.allocate(own, DType.F32, 1 << 24);
            assertThat(engine.deviceMemory().freeBytes()).isEqualTo(before - (2L << 26));
            other.close();
        }
        assertThat(engine.deviceMemory().freeBytes()).isEqualTo(before);
        assertThatThrownBy(() -> other.allocate(arena, DType.F32, 1)).isInstanceOf(EngineClosedException.class);
    }

    @Test
    void memoryOfAnArenaThatIsClosedIsNotTakenAtAll() {
        long before = engine.deviceMemory().freeBytes();
        Arena closed = Arena.ofShared();
        closed.close();
        assertThatIllegalStateException().isThrownBy(() -> engine.allocate(closed, DType.F32, 1 << 24));
        assertThatIllegalStateException().isThrownBy(() -> engine.allocatePinned(closed, DType.F32, 1 << 24));
        assertThat(engine.deviceMemory().freeBytes()).isEqualTo(before);
    }

    @Test
    void memoryThatIsNotThereIsSaidSoAndTheEngineGoesOn() {
        long total = engine.deviceMemory().totalBytes();
        assertThatThrownBy(() -> engine.allocate(arena, DType.F32, total))
                .isInstanceOf(OutOfDeviceMemoryException.class)
                .satisfies(e -> Sentences.assertSentence(e, "cudaErrorMemoryAllocation", Long.toString(4 * total)));
        assertThat(engine.allocate(arena, DType.F32, 4).elementCount()).isEqualTo(4);
    }

    private static void assertRefused(ThrowingCallable call, String... parts) {
        assertThatIllegalArgumentException().isThrownBy(call).satisfies(e -> Sentences.assertSentence(e, parts));
    }
}
