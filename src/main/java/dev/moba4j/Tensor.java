package dev.moba4j;

import dev.moba4j.internal.BFloat16;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * A strided view of off-heap memory: a segment, a dtype, a shape and strides in elements. The view never changes; the
 * elements it shows may. The memory belongs to its arena, or to whoever made the segment, and is accessible to the
 * threads that the arena allows. Views of views share the memory; only the methods whose comments say so copy.
 *
 * <p>The memory may be that of a {@link Device}: {@link Engine#allocate} makes such a tensor, {@link Engine#copy} fills and
 * reads it. What would read or write its elements from Java throws {@link IllegalStateException}.
 *
 * <p>Sizes are 64-bit throughout: a tensor may be larger than 2 GiB.
 *
 * {@snippet class="dev.moba4j.snippets.TensorSnippetTest" region="tensor"}
 */
public final class Tensor {
    /** Most axes of a tensor. */
    public static final int MAX_RANK = 16;

    private static final long ALIGNMENT = 64;

    private final Device device;
    private final MemorySegment segment;
    private final DType dtype;
    private final StridedLayout layout;

    private Tensor(Device device, MemorySegment segment, DType dtype, StridedLayout layout) {
        this.device = device;
        this.segment = segment;
        this.dtype = dtype;
        this.layout = layout;
    }

    /**
     * A contiguous tensor of zeros, aligned to 64 bytes.
     *
     * @param arena owner of the new memory
     * @param dtype element type
     * @param shape size of each axis, at least 0
     * @return the tensor
     * @throws IllegalArgumentException if a size is negative or the size in bytes overflows
     */
    public static Tensor allocate(Arena arena, DType dtype, long... shape) {
        StridedLayout layout = StridedLayout.contiguous(dtype, shape);
        return new Tensor(Device.CPU, arena.allocate(layout.span() * dtype.byteSize(), ALIGNMENT), dtype, layout);
    }

    /**
     * A contiguous view of the caller's memory, from the segment's first byte on.
     *
     * @param segment off-heap memory, at least as large as the shape
     * @param dtype element type
     * @param shape size of each axis
     * @return the view
     * @throws IllegalArgumentException if the segment is on the heap, too small, or not aligned to the element size
     */
    public static Tensor wrap(MemorySegment segment, DType dtype, long... shape) {
        return wrap(Device.CPU, segment, dtype, StridedLayout.contiguous(dtype, shape));
    }

    /**
     * A strided view of the caller's memory; element {@code (0, .., 0)} is at the segment's first byte.
     *
     * @param segment off-heap memory that holds every element
     * @param dtype element type
     * @param shape size of each axis
     * @param strides elements from one index of an axis to the next, at least 0
     * @return the view
     * @throws IllegalArgumentException if the segment is on the heap, too small, or not aligned to the element size
     */
    public static Tensor wrap(MemorySegment segment, DType dtype, long[] shape, long[] strides) {
        return wrap(Device.CPU, segment, dtype, StridedLayout.strided(dtype, shape, strides));
    }

    /**
     * A contiguous view of memory that another library allocated on a device. The caller sees to it that the memory lives
     * until the last work that uses the view is done; the view holds the arena of {@code pointer}, if it has one, like any
     * other.
     *
     * @param device where the memory is
     * @param pointer the address of the first element; on a CUDA device its size does not matter, so
     *     {@link MemorySegment#ofAddress} makes one from a number
     * @param dtype element type
     * @param shape size of each axis
     * @return the view
     * @throws IllegalArgumentException if the address is not aligned to the element size
     */
    public static Tensor wrap(Device device, MemorySegment pointer, DType dtype, long... shape) {
        return wrap(device, pointer, dtype, StridedLayout.contiguous(dtype, shape));
    }

    /**
     * Like {@link #wrap(Device, MemorySegment, DType, long...)}, strided.
     *
     * @param device where the memory is
     * @param pointer the address of element {@code (0, .., 0)}
     * @param dtype element type
     * @param shape size of each axis
     * @param strides elements from one index of an axis to the next, at least 0
     * @return the view
     * @throws IllegalArgumentException if the address is not aligned to the element size
     */
    public static Tensor wrap(Device device, MemorySegment pointer, DType dtype, long[] shape, long[] strides) {
        return wrap(device, pointer, dtype, StridedLayout.strided(dtype, shape, strides));
    }

    /**
     * A contiguous read-only view of a part of a file, mapped into memory.
     *
     * @param arena keeps the mapping
     * @param file the file
     * @param byteOffset where in the file the tensor begins, a multiple of the element size
     * @param dtype element type, little-endian in the file
     * @param shape size of each axis
     * @return the view
     * @throws IOException if the file cannot be read
     * @throws IllegalArgumentException if the file is too short or the offset misaligned
     */
    public static Tensor map(Arena arena, Path file, long byteOffset, DType dtype, long... shape) throws IOException {
        StridedLayout layout = StridedLayout.contiguous(dtype, shape);
        long bytes = layout.span() * dtype.byteSize();
        if (byteOffset < 0 || byteOffset % dtype.byteSize() != 0) {
            throw new IllegalArgumentException("byteOffset is " + byteOffset + ", expected a multiple of "
                    + dtype.byteSize() + " (" + dtype + ") of at least 0");
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long available = channel.size() - byteOffset;
            if (available < bytes) {
                throw new IllegalArgumentException(file + " has " + Math.max(0, available) + " bytes from byteOffset "
                        + byteOffset + " on, expected at least " + bytes);
            }
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, byteOffset, bytes, arena);
            return new Tensor(Device.CPU, mapped, dtype, layout);
        }
    }

    /**
     * A new contiguous tensor with these values, rounded to nearest even.
     *
     * @param arena owner of the new memory
     * @param dtype F32, F16 or BF16
     * @param values elements in row-major order; copied
     * @param shape size of each axis
     * @return the tensor
     * @throws IllegalArgumentException if there are more or fewer values than elements
     */
    public static Tensor ofFloats(Arena arena, DType dtype, float[] values, long... shape) {
        requireFloatingPoint(dtype);
        Tensor tensor = allocate(arena, dtype, shape);
        tensor.requireCount(values.length);
        for (int i = 0; i < values.length; i++) {
            tensor.storeFloat(i, values[i]);
        }
        return tensor;
    }

    /**
     * A new contiguous I32 tensor with these values.
     *
     * @param arena owner of the new memory
     * @param values elements in row-major order; copied
     * @param shape size of each axis
     * @return the tensor
     * @throws IllegalArgumentException if there are more or fewer values than elements
     */
    public static Tensor ofInts(Arena arena, int[] values, long... shape) {
        Tensor tensor = allocate(arena, DType.I32, shape);
        tensor.requireCount(values.length);
        MemorySegment.copy(values, 0, tensor.segment, ValueLayout.JAVA_INT, 0, values.length);
        return tensor;
    }

    /**
     * Where the memory is.
     *
     * @return the device
     */
    public Device device() {
        return device;
    }

    /**
     * The element type.
     *
     * @return the dtype
     */
    public DType dtype() {
        return dtype;
    }

    /**
     * Number of axes.
     *
     * @return the rank, at least 1
     */
    public int rank() {
        return layout.rank();
    }

    /**
     * Size of an axis.
     *
     * @param axis 0 to {@code rank() - 1}
     * @return its size, at least 0
     */
    public long dim(int axis) {
        requireAxis(axis);
        return layout.shape()[axis];
    }

    /**
     * Elements from one index of an axis to the next.
     *
     * @param axis 0 to {@code rank() - 1}
     * @return its stride, at least 0
     */
    public long stride(int axis) {
        requireAxis(axis);
        return layout.strides()[axis];
    }

    /**
     * Sizes of all axes.
     *
     * @return a copy
     */
    public long[] shape() {
        return layout.shape().clone();
    }

    /**
     * Strides of all axes.
     *
     * @return a copy
     */
    public long[] strides() {
        return layout.strides().clone();
    }

    /**
     * The memory: exactly the bytes from the first element to the last. Not a copy. On a CUDA device a segment of no bytes,
     * so that Java cannot touch what lies there: an address with the lifetime of its arena.
     *
     * @return the segment; its first byte is element {@code (0, .., 0)}
     */
    public MemorySegment segment() {
        return segment;
    }

    /**
     * Address of element {@code (0, .., 0)}.
     *
     * @return the address
     */
    public long address() {
        return segment.address();
    }

    /**
     * Product of the sizes of the axes.
     *
     * @return the number of elements
     */
    public long elementCount() {
        return layout.elementCount();
    }

    /**
     * Size of the elements, gaps between them not counted.
     *
     * @return {@code elementCount() * dtype().byteSize()}
     */
    public long byteSize() {
        return layout.elementCount() * dtype.byteSize();
    }

    /**
     * Whether the elements follow each other in row-major order without gaps.
     *
     * @return true if contiguous
     */
    public boolean isContiguous() {
        return layout.isContiguous();
    }

    /**
     * A view of the indices {@code from} to {@code to - 1} of one axis.
     *
     * @param axis the axis
     * @param from first index
     * @param to index after the last
     * @return the view
     * @throws IndexOutOfBoundsException if the range does not lie in the axis
     */
    public Tensor slice(int axis, long from, long to) {
        requireAxis(axis);
        if (from < 0 || to < from || to > dim(axis)) {
            throw new IndexOutOfBoundsException("slice is " + from + " to " + to + ", expected a range within 0 to dim("
                    + axis + ") = " + dim(axis));
        }
        long[] shape = shape();
        shape[axis] = to - from;
        return view(from * stride(axis), new StridedLayout(shape, strides()));
    }

    /**
     * A view of one index of an axis; the axis disappears. The last remaining axis stays, with size 1.
     *
     * @param axis the axis
     * @param index the index
     * @return the view
     * @throws IndexOutOfBoundsException if the index does not lie in the axis
     */
    public Tensor select(int axis, long index) {
        requireAxis(axis);
        if (index < 0 || index >= dim(axis)) {
            throw new IndexOutOfBoundsException(
                    "index is " + index + ", expected 0 to dim(" + axis + ") - 1 = " + (dim(axis) - 1));
        }
        Tensor one = slice(axis, index, index + 1);
        return rank() == 1 ? one : one.view(0, new StridedLayout(without(one.shape(), axis), without(strides(), axis)));
    }

    /**
     * A view with the axes in another order.
     *
     * @param axes for each axis of the view, the axis of this tensor; each exactly once
     * @return the view
     * @throws IllegalArgumentException if {@code axes} is no permutation
     */
    public Tensor permute(int... axes) {
        boolean[] seen = new boolean[rank()];
        boolean valid = axes.length == rank();
        for (int i = 0; valid && i < axes.length; i++) {
            valid = axes[i] >= 0 && axes[i] < rank() && !seen[axes[i]];
            if (valid) {
                seen[axes[i]] = true;
            }
        }
        if (!valid) {
            throw new IllegalArgumentException(
                    "axes is " + Arrays.toString(axes) + ", expected each of 0 to " + (rank() - 1) + " once");
        }
        long[] shape = new long[axes.length];
        long[] strides = new long[axes.length];
        for (int i = 0; i < axes.length; i++) {
            shape[i] = dim(axes[i]);
            strides[i] = stride(axes[i]);
        }
        return view(0, new StridedLayout(shape, strides));
    }

    /**
     * A view of a contiguous tensor with another shape.
     *
     * @param shape the new shape, of as many elements
     * @return the view
     * @throws IllegalArgumentException if this tensor is not contiguous or the number of elements differs
     */
    public Tensor reshape(long... shape) {
        if (!isContiguous()) {
            throw new IllegalArgumentException("tensor has " + layout + ", expected a contiguous one to reshape");
        }
        StridedLayout reshaped = StridedLayout.contiguous(dtype, shape);
        if (reshaped.elementCount() != elementCount()) {
            throw new IllegalArgumentException(
                    "shape has " + reshaped.elementCount() + " elements, expected " + elementCount());
        }
        return view(0, reshaped);
    }

    /**
     * Reads an element of a floating-point tensor.
     *
     * @param index one index per axis
     * @return its value, exact
     * @throws IllegalArgumentException if the dtype is not floating-point
     */
    public float getFloat(long... index) {
        requireHost();
        requireFloatingPoint(dtype);
        return loadFloat(layout.offset(index));
    }

    /**
     * Writes an element of a floating-point tensor, rounded to nearest even.
     *
     * @param value the value
     * @param index one index per axis
     * @throws IllegalArgumentException if the dtype is not floating-point
     */
    public void setFloat(float value, long... index) {
        requireHost();
        requireFloatingPoint(dtype);
        storeFloat(layout.offset(index), value);
    }

    /**
     * Reads an element of an integer tensor.
     *
     * @param index one index per axis
     * @return its value
     * @throws IllegalArgumentException if the dtype is floating-point
     */
    public long getLong(long... index) {
        requireHost();
        requireInteger();
        return loadLong(layout.offset(index));
    }

    /**
     * Writes an element of an integer tensor.
     *
     * @param value the value
     * @param index one index per axis
     * @throws IllegalArgumentException if the dtype is floating-point, or I32 and too small for the value
     */
    public void setLong(long value, long... index) {
        requireHost();
        requireInteger();
        if (dtype == DType.I32 && (int) value != value) {
            throw new IllegalArgumentException("value is " + value + ", expected one that fits I32");
        }
        storeLong(layout.offset(index), value);
    }

    /**
     * Copies a floating-point tensor onto the heap.
     *
     * @return the elements in row-major order
     * @throws IllegalArgumentException if the dtype is not floating-point or there are more than 2^31 - 1 elements
     */
    public float[] toFloats() {
        requireHost();
        requireFloatingPoint(dtype);
        float[] values = new float[requireArraySize()];
        new RowMajor(layout).forEach((ordinal, offset) -> values[(int) ordinal] = loadFloat(offset));
        return values;
    }

    /**
     * Copies an I32 tensor onto the heap.
     *
     * @return the elements in row-major order
     * @throws IllegalArgumentException if the dtype is not I32 or there are more than 2^31 - 1 elements
     */
    public int[] toInts() {
        requireHost();
        if (dtype != DType.I32) {
            throw new IllegalArgumentException("dtype is " + dtype + ", expected I32");
        }
        int[] values = new int[requireArraySize()];
        new RowMajor(layout).forEach((ordinal, offset) -> values[(int) ordinal] = (int) loadLong(offset));
        return values;
    }

    /**
     * A contiguous copy, aligned to 64 bytes.
     *
     * @param arena owner of the new memory
     * @return the copy
     */
    public Tensor copy(Arena arena) {
        requireHost();
        Tensor copy = allocate(arena, dtype, layout.shape());
        if (isContiguous()) {
            copy.segment.copyFrom(segment);
            return copy;
        }
        int size = dtype.byteSize();
        new RowMajor(layout)
                .forEach((ordinal, offset) ->
                        MemorySegment.copy(segment, offset * size, copy.segment, ordinal * size, size));
        return copy;
    }

    /**
     * Writes one value to every element: rounded to nearest even by way of F32, or truncated to an integer.
     *
     * @param value the value
     * @return this tensor
     */
    public Tensor fill(double value) {
        requireHost();
        if (dtype == DType.I32 && (int) (long) value != (long) value) {
            throw new IllegalArgumentException("value is " + value + ", expected one that fits I32");
        }
        if (dtype.isFloatingPoint()) {
            new RowMajor(layout).forEach((ordinal, offset) -> storeFloat(offset, (float) value));
        } else {
            new RowMajor(layout).forEach((ordinal, offset) -> storeLong(offset, (long) value));
        }
        return this;
    }

    /**
     * Dtype, shape and strides, and the device if it is not the processor, for messages.
     *
     * @return a short description
     */
    @Override
    public String toString() {
        return "Tensor[" + dtype + ", " + layout + (device.isCpu() ? "" : ", " + device) + "]";
    }

    private static Tensor wrap(Device device, MemorySegment segment, DType dtype, StridedLayout layout) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException("segment is on the heap, expected off-heap memory");
        }
        if (segment.address() % dtype.byteSize() != 0) {
            throw new IllegalArgumentException("segment is at address 0x" + Long.toHexString(segment.address())
                    + ", expected a multiple of " + dtype.byteSize() + " (" + dtype + ")");
        }
        long bytes = layout.span() * dtype.byteSize();
        if (!device.isCpu()) {
            return new Tensor(device, segment.asSlice(0, 0), dtype, layout);
        }
        if (segment.byteSize() < bytes) {
            throw new IllegalArgumentException("segment has " + segment.byteSize() + " bytes, expected at least "
                    + bytes + " for " + dtype + ", " + layout);
        }
        return new Tensor(device, segment.asSlice(0, bytes), dtype, layout);
    }

    private Tensor view(long offset, StridedLayout layout) {
        long bytes = layout.span() * dtype.byteSize();
        long byteOffset = bytes == 0 ? 0 : offset * dtype.byteSize();
        MemorySegment part = device.isCpu()
                ? segment.asSlice(byteOffset, bytes)
                : segment.reinterpret(byteOffset).asSlice(byteOffset);
        return new Tensor(device, part, dtype, layout);
    }

    private float loadFloat(long offset) {
        return switch (dtype) {
            case F32 -> segment.getAtIndex(ValueLayout.JAVA_FLOAT, offset);
            case F16 -> Float.float16ToFloat(segment.getAtIndex(ValueLayout.JAVA_SHORT, offset));
            case BF16 -> BFloat16.toFloat(segment.getAtIndex(ValueLayout.JAVA_SHORT, offset));
            case I32, I64 -> throw new AssertionError(dtype);
        };
    }

    private void storeFloat(long offset, float value) {
        switch (dtype) {
            case F32 -> segment.setAtIndex(ValueLayout.JAVA_FLOAT, offset, value);
            case F16 -> segment.setAtIndex(ValueLayout.JAVA_SHORT, offset, Float.floatToFloat16(value));
            case BF16 -> segment.setAtIndex(ValueLayout.JAVA_SHORT, offset, BFloat16.ofFloat(value));
            case I32, I64 -> throw new AssertionError(dtype);
        }
    }

    private long loadLong(long offset) {
        return dtype == DType.I32
                ? segment.getAtIndex(ValueLayout.JAVA_INT, offset)
                : segment.getAtIndex(ValueLayout.JAVA_LONG, offset);
    }

    private void storeLong(long offset, long value) {
        if (dtype == DType.I32) {
            segment.setAtIndex(ValueLayout.JAVA_INT, offset, (int) value);
        } else {
            segment.setAtIndex(ValueLayout.JAVA_LONG, offset, value);
        }
    }

    private static long[] without(long[] values, int axis) {
        long[] rest = new long[values.length - 1];
        System.arraycopy(values, 0, rest, 0, axis);
        System.arraycopy(values, axis + 1, rest, axis, rest.length - axis);
        return rest;
    }

    private void requireAxis(int axis) {
        if (axis < 0 || axis >= rank()) {
            throw new IndexOutOfBoundsException("axis is " + axis + ", expected 0 to " + (rank() - 1));
        }
    }

    private void requireCount(int values) {
        if (values != elementCount()) {
            throw new IllegalArgumentException("values has " + values + " entries, expected " + elementCount());
        }
    }

    private int requireArraySize() {
        if (elementCount() > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("tensor has " + elementCount() + " elements, expected at most "
                    + Integer.MAX_VALUE + " for an array");
        }
        return (int) elementCount();
    }

    private void requireHost() {
        if (!device.isCpu()) {
            throw new IllegalStateException(
                    "tensor lies on " + device
                            + ", where Java neither reads nor writes, expected one in memory of the processor: Engine.copy makes one");
        }
    }

    private void requireInteger() {
        if (dtype.isFloatingPoint()) {
            throw new IllegalArgumentException("dtype is " + dtype + ", expected I32 or I64");
        }
    }

    private static void requireFloatingPoint(DType dtype) {
        if (!dtype.isFloatingPoint()) {
            throw new IllegalArgumentException("dtype is " + dtype + ", expected F32, F16 or BF16");
        }
    }
}
