package dev.moba4j;

import java.util.Arrays;

/** Shape and strides, in elements, of a {@link Tensor}: the arithmetic that needs no memory. */
record StridedLayout(long[] shape, long[] strides) {

    static StridedLayout contiguous(DType dtype, long[] shape) {
        long[] strides = new long[shape.length];
        long stride = 1;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            strides[axis] = stride;
            stride = multiply(stride, Math.max(1, shape[axis]), dtype, shape);
        }
        return checked(dtype, shape.clone(), strides);
    }

    static StridedLayout strided(DType dtype, long[] shape, long[] strides) {
        if (shape.length != strides.length) {
            throw new IllegalArgumentException(
                    "strides has " + strides.length + " entries, expected as many as shape = " + shape.length);
        }
        for (int axis = 0; axis < strides.length; axis++) {
            if (strides[axis] < 0) {
                throw new IllegalArgumentException(
                        "strides[" + axis + "] is " + strides[axis] + ", expected at least 0");
            }
        }
        return checked(dtype, shape.clone(), strides.clone());
    }

    private static StridedLayout checked(DType dtype, long[] shape, long[] strides) {
        if (shape.length == 0 || shape.length > Tensor.MAX_RANK) {
            throw new IllegalArgumentException("shape has " + shape.length + " axes, expected 1 to " + Tensor.MAX_RANK);
        }
        long elements = 1;
        long span = 1;
        for (int axis = 0; axis < shape.length; axis++) {
            if (shape[axis] < 0) {
                throw new IllegalArgumentException("shape[" + axis + "] is " + shape[axis] + ", expected at least 0");
            }
            long extent = multiply(Math.max(0, shape[axis] - 1), strides[axis], dtype, shape);
            if (extent > Long.MAX_VALUE - span) {
                throw tooLarge(dtype, shape);
            }
            span += extent;
            elements = shape[axis] == 0 ? 0 : multiply(elements, shape[axis], dtype, shape);
        }
        multiply(Math.max(span, elements), dtype.byteSize(), dtype, shape);
        return new StridedLayout(shape, strides);
    }

    int rank() {
        return shape.length;
    }

    long elementCount() {
        long elements = 1;
        for (long size : shape) {
            elements *= size;
        }
        return elements;
    }

    /** Elements from the first to the last, both included; 0 if there is none. */
    long span() {
        long span = 1;
        for (int axis = 0; axis < shape.length; axis++) {
            if (shape[axis] == 0) {
                return 0;
            }
            span += (shape[axis] - 1) * strides[axis];
        }
        return span;
    }

    boolean isContiguous() {
        long stride = 1;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            if (shape[axis] == 0) {
                return true;
            }
            if (shape[axis] != 1 && strides[axis] != stride) {
                return false;
            }
            stride *= shape[axis];
        }
        return true;
    }

    long offset(long[] index) {
        if (index.length != shape.length) {
            throw new IllegalArgumentException(
                    "index has " + index.length + " entries, expected " + shape.length + " for " + this);
        }
        long offset = 0;
        for (int axis = 0; axis < shape.length; axis++) {
            if (index[axis] < 0 || index[axis] >= shape[axis]) {
                throw new IndexOutOfBoundsException(
                        "index[" + axis + "] is " + index[axis] + ", expected 0 to " + (shape[axis] - 1));
            }
            offset += index[axis] * strides[axis];
        }
        return offset;
    }

    @Override
    public String toString() {
        return "shape " + Arrays.toString(shape) + ", strides " + Arrays.toString(strides);
    }

    private static long multiply(long a, long b, DType dtype, long[] shape) {
        long high = Math.multiplyHigh(a, b);
        long product = a * b;
        if (high != 0 || product < 0) {
            throw tooLarge(dtype, shape);
        }
        return product;
    }

    private static IllegalArgumentException tooLarge(DType dtype, long[] shape) {
        return new IllegalArgumentException(
                "shape is " + Arrays.toString(shape) + " of " + dtype + ", expected a size in bytes below 2^63");
    }
}
