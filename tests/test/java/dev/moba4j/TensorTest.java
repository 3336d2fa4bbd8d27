package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.moba4j.oracle.Rounding;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tensors are views: they share memory with what they were made from, whatever their size, and refuse what is not there. */
class TensorTest {
    private static final long GIB = 1L << 30;

    @TempDir
    Path directory;

    private final Arena arena = Arena.ofShared();

    @AfterEach
    void close() {
        arena.close();
    }

    @Test
    void allocatedTensorIsZeroAlignedAndContiguous() {
        Tensor tensor = Tensor.allocate(arena, DType.BF16, 3, 5, 7);
        assertThat(tensor.address() % 64).isZero();
        assertThat(tensor.toFloats()).hasSize(105).containsOnly(0f);
        assertThat(tensor.strides()).containsExactly(35, 7, 1);
        assertThat(tensor.isContiguous()).isTrue();
        assertThat(tensor.elementCount()).isEqualTo(105);
        assertThat(tensor.byteSize()).isEqualTo(210);
        assertThat(tensor.segment().byteSize()).isEqualTo(210);
    }

    @Test
    void wrappedSegmentIsTheTensorsMemory() {
        MemorySegment segment = arena.allocate(64 * 4);
        Tensor tensor = Tensor.wrap(segment, DType.F32, 4, 16);
        assertThat(tensor.address()).isEqualTo(segment.address());
        segment.setAtIndex(ValueLayout.JAVA_FLOAT, 17, 2.5f);
        assertThat(tensor.getFloat(1, 1)).isEqualTo(2.5f);
        tensor.setFloat(-1, 3, 15);
        assertThat(segment.getAtIndex(ValueLayout.JAVA_FLOAT, 63)).isEqualTo(-1);
    }

    @Test
    void wrappedDirectBufferIsTheTensorsMemory() {
        ByteBuffer buffer = ByteBuffer.allocateDirect(64).order(ByteOrder.nativeOrder());
        Tensor tensor = Tensor.wrap(MemorySegment.ofBuffer(buffer), DType.I64, 8);
        buffer.putLong(24, 1L << 40);
        assertThat(tensor.getLong(3)).isEqualTo(1L << 40);
    }

    @Test
    void slicesSelectionsAndPermutationsAreViewsAtTheRightAddress() {
        Tensor tensor = counting(4, 3, 5);
        Tensor slice = tensor.slice(1, 1, 3);
        assertThat(slice.address()).isEqualTo(tensor.address() + 5 * 4);
        assertThat(slice.shape()).containsExactly(4, 2, 5);
        assertThat(slice.strides()).containsExactly(15, 5, 1);
        assertThat(slice.isContiguous()).isFalse();
        assertThat(slice.getFloat(2, 1, 3)).isEqualTo(tensor.getFloat(2, 2, 3));
        assertThat(slice.segment().byteSize()).isEqualTo((3 * 15 + 5 + 5) * 4);

        Tensor selected = tensor.select(0, 2);
        assertThat(selected.shape()).containsExactly(3, 5);
        assertThat(selected.address()).isEqualTo(tensor.address() + 30 * 4);
        assertThat(selected.getFloat(1, 4)).isEqualTo(tensor.getFloat(2, 1, 4));

        Tensor permuted = tensor.permute(1, 0, 2);
        assertThat(permuted.shape()).containsExactly(3, 4, 5);
        assertThat(permuted.address()).isEqualTo(tensor.address());
        assertThat(permuted.getFloat(2, 3, 1)).isEqualTo(tensor.getFloat(3, 2, 1));

        permuted.setFloat(-7, 2, 3, 1);
        assertThat(tensor.getFloat(3, 2, 1)).isEqualTo(-7);
    }

    @Test
    void copyIsContiguousInAnotherPlace() {
        Tensor permuted = counting(3, 4, 2).permute(2, 0, 1);
        Tensor copy = permuted.copy(arena);
        assertThat(copy.isContiguous()).isTrue();
        assertThat(copy.shape()).containsExactly(2, 3, 4);
        assertThat(copy.toFloats()).isEqualTo(permuted.toFloats());
        assertThat(copy.address()).isNotEqualTo(permuted.address());
    }

    @Test
    void reshapeSharesMemoryAndNeedsContiguity() {
        Tensor tensor = counting(4, 6);
        Tensor reshaped = tensor.reshape(2, 2, 6);
        assertThat(reshaped.address()).isEqualTo(tensor.address());
        assertThat(reshaped.getFloat(1, 0, 5)).isEqualTo(tensor.getFloat(2, 5));
        assertSentence(() -> tensor.permute(1, 0).reshape(24), "contiguous");
        assertSentence(() -> tensor.reshape(5, 5), "25", "24");
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "F16", "BF16"})
    void floatsAreRoundedToNearestEven(DType dtype) {
        Random random = new Random(1);
        float[] values = new float[4096];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(random.nextInt());
        }
        float[] special = {
            0f,
            -0f,
            1f,
            65504f,
            65519.9f,
            65520f,
            1e-8f,
            6e-8f,
            3e-8f,
            Float.MAX_VALUE,
            Float.MIN_VALUE,
            1.00390625f,
            1.01171875f,
            Float.NaN,
            Float.POSITIVE_INFINITY,
            Float.NEGATIVE_INFINITY,
            Float.intBitsToFloat(0x7F800001)
        };
        System.arraycopy(special, 0, values, 0, special.length);
        Tensor tensor = Tensor.ofFloats(arena, dtype, values, 64, 64);
        assertThat(tensor.toFloats()).isEqualTo(Rounding.round(dtype, values.clone()));
        for (int i = 0; i < 100; i++) {
            Tensor one = Tensor.allocate(arena, dtype, 1);
            one.setFloat(values[i], 0);
            assertThat(one.toFloats()).containsExactly(Rounding.round(dtype, values[i]));
            assertThat(Float.compare(one.getFloat(0), one.toFloats()[0])).isZero();
        }
    }

    @Test
    void fillWritesTheElementsOfTheViewAlone() {
        Tensor tensor = Tensor.allocate(arena, DType.F16, 4, 4);
        tensor.slice(1, 1, 3).fill(1.5);
        for (int i = 0; i < 4; i++) {
            assertThat(tensor.select(0, i).toFloats()).containsExactly(0, 1.5f, 1.5f, 0);
        }
    }

    @Test
    void integersKeepTheirRange() {
        Tensor wide = Tensor.allocate(arena, DType.I64, 2);
        wide.setLong(Long.MIN_VALUE, 1);
        assertThat(wide.getLong(1)).isEqualTo(Long.MIN_VALUE);
        Tensor narrow = Tensor.ofInts(arena, new int[] {1, -1, Integer.MAX_VALUE}, 3);
        assertThat(narrow.toInts()).containsExactly(1, -1, Integer.MAX_VALUE);
        assertSentence(() -> narrow.setLong(1L << 31, 0), "2147483648", "I32");
        assertSentence(() -> narrow.getFloat(0), "I32", "F32");
        assertSentence(() -> counting(2).getLong(0), "F32", "I32");
    }

    @Test
    void emptyTensorsAreLegal() {
        Tensor tensor = Tensor.allocate(arena, DType.F32, 0, 4, 8);
        assertThat(tensor.elementCount()).isZero();
        assertThat(tensor.toFloats()).isEmpty();
        assertThat(tensor.slice(1, 1, 3).copy(arena).shape()).containsExactly(0, 2, 8);
        assertThat(counting(4, 4).slice(0, 4, 4).elementCount()).isZero();
    }

    @Test
    void mappedTensorLiesInTheMappingAndCannotBeWritten() throws IOException {
        Path file = directory.resolve("values");
        ByteBuffer bytes = ByteBuffer.allocate(8192 + 64).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putFloat(4100, 3.5f);
        Files.write(file, bytes.array());
        Tensor tensor = Tensor.map(arena, file, 4096, DType.F32, 4, 16);
        assertThat(tensor.getFloat(0, 1)).isEqualTo(3.5f);
        assertThat(tensor.segment().isMapped()).isTrue();
        assertThat(tensor.segment().isReadOnly()).isTrue();
        assertThatThrownBy(() -> tensor.setFloat(1, 0, 0)).isInstanceOf(IllegalArgumentException.class);
        try (RandomAccessFile writer = new RandomAccessFile(file.toFile(), "rw")) {
            writer.seek(4100);
            writer.write(new byte[] {0, 0, (byte) 0x80, (byte) 0xBF});
        }
        assertThat(tensor.getFloat(0, 1)).as("the file's memory, not a copy").isEqualTo(-1f);
        assertSentence(() -> Tensor.map(arena, file, 4096, DType.F32, 2048), "4160", "8192");
        assertSentence(() -> Tensor.map(arena, file, 2, DType.F32, 1), "byteOffset", "2", "4");
        assertSentence(() -> Tensor.map(arena, file, -4, DType.F32, 1), "byteOffset", "-4");
    }

    @Test
    void tensorMayBeLargerThanTwoGibibytes() throws IOException {
        Path file = directory.resolve("sparse");
        long count = 2 * GIB + 32;
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            ByteBuffer last =
                    ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN).putShort(0, (short) 0x4228);
            channel.write(last, count * 2 - 2);
        }
        Tensor tensor = Tensor.map(arena, file, 0, DType.BF16, count / 16, 16);
        assertThat(tensor.byteSize()).isEqualTo(4 * GIB + 64);
        assertThat(tensor.getFloat(count / 16 - 1, 15)).isEqualTo(42);
        Tensor tail = tensor.slice(0, count / 16 - 2, count / 16);
        assertThat(tail.address()).isEqualTo(tensor.address() + 4 * GIB);
        assertThat(tail.toFloats()[31]).isEqualTo(42);
        assertSentence(tensor::toFloats, Long.toString(count));
    }

    @Test
    void viewWithStridesOverFourGibibytesReachesItsElements() throws IOException {
        Path file = directory.resolve("strided");
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment segment = channel.map(FileChannel.MapMode.READ_WRITE, 0, 6 * GIB + 8, arena);
            Tensor tensor = Tensor.wrap(segment, DType.F32, new long[] {3, 2}, new long[] {3 * GIB / 4, 1});
            tensor.setFloat(7, 2, 1);
            assertThat(segment.get(ValueLayout.JAVA_FLOAT, 6 * GIB + 4)).isEqualTo(7);
            assertSentence(
                    () -> Tensor.wrap(segment, DType.F32, new long[] {3, 3}, new long[] {3 * GIB / 4, 1}), "segment");
        }
    }

    @Test
    void refusesMemoryThatCannotHoldTheTensor() {
        MemorySegment segment = arena.allocate(64, 64);
        assertSentence(
                () -> Tensor.wrap(MemorySegment.ofArray(new float[16]), DType.F32, 16), "segment", "heap", "off-heap");
        assertSentence(() -> Tensor.wrap(segment, DType.F32, 17), "segment", "64", "68");
        assertSentence(
                () -> Tensor.wrap(segment, DType.F32, new long[] {2, 4}, new long[] {13, 1}), "segment", "64", "68");
        assertSentence(() -> Tensor.wrap(segment.asSlice(2), DType.F32, 4), "address", "4", "F32");
        assertSentence(() -> Tensor.wrap(segment.asSlice(1), DType.BF16, 4), "address", "2", "BF16");
        assertSentence(() -> Tensor.wrap(segment, DType.F32, -1), "-1", "expected");
        assertSentence(() -> Tensor.wrap(segment, DType.F32, new long[] {2, 4}, new long[] {4}), "strides", "expected");
        assertSentence(() -> Tensor.wrap(segment, DType.F32, new long[] {2, 2}, new long[] {-2, 1}), "strides", "-2");
    }

    @Test
    void refusesSizesThatOverflow() {
        MemorySegment segment = arena.allocate(64, 64);
        assertSentence(() -> Tensor.allocate(arena, DType.F32, 1L << 40, 1L << 40), "2^63");
        assertSentence(() -> Tensor.allocate(arena, DType.F32, Long.MAX_VALUE), "2^63");
        assertSentence(() -> Tensor.wrap(segment, DType.F32, 1L << 32, 1L << 32), "2^63");
        assertSentence(
                () -> Tensor.wrap(segment, DType.F16, new long[] {3, 2}, new long[] {Long.MAX_VALUE / 2, 1}), "2^63");
    }

    @Test
    void refusesIndicesOutsideTheShape() {
        Tensor tensor = counting(4, 6);
        assertThatThrownBy(() -> tensor.getFloat(4, 0)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.getFloat(0, -1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.slice(0, 3, 2)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.slice(1, 0, 7)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.slice(2, 0, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.select(0, 4)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.getFloat(1)).isInstanceOf(IllegalArgumentException.class);
        assertSentence(() -> tensor.permute(0, 0), "axes", "[0, 0]");
        assertSentence(() -> tensor.permute(0), "axes");
    }

    @Test
    void refusesValuesThatDoNotFillTheShape() {
        assertSentence(() -> Tensor.ofFloats(arena, DType.F32, new float[5], 2, 3), "values", "5", "6");
        assertSentence(() -> Tensor.ofInts(arena, new int[7], 2, 3), "values", "7", "6");
        assertSentence(() -> Tensor.ofFloats(arena, DType.I32, new float[6], 2, 3), "dtype", "I32");
    }

    private Tensor counting(long... shape) {
        Tensor tensor = Tensor.allocate(arena, DType.F32, shape);
        IntStream.range(0, (int) tensor.elementCount())
                .forEach(i -> tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, i));
        return tensor;
    }

    private static void assertSentence(ThrowingCallable call, String... parts) {
        assertThatIllegalArgumentException().isThrownBy(call).satisfies(e -> Sentences.assertSentence(e, parts));
    }
}
