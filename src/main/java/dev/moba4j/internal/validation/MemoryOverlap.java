package dev.moba4j.internal.validation;

import dev.moba4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Whether tensors share memory, decided from addresses and strides, so that interleaved views of one buffer are apart. */
final class MemoryOverlap {
    private MemoryOverlap() {}

    /** Whether two elements of one tensor may share memory: each axis has to step over all that shorter ones cover. */
    static boolean withinItself(Tensor tensor) {
        if (tensor.elementCount() == 0 || descends(tensor)) {
            return false;
        }
        Steps steps = Steps.of(tensor);
        for (int axis = 0; axis < steps.count(); axis++) {
            if (steps.stride(axis) < steps.reach(axis + 1)) {
                return true;
            }
        }
        return false;
    }

    /** Whether each axis steps over all that the axes after it cover: the usual case, found without memory of its own. */
    private static boolean descends(Tensor tensor) {
        long reach = 1;
        for (int axis = tensor.rank() - 1; axis >= 0; axis--) {
            if (tensor.dim(axis) > 1) {
                if (tensor.stride(axis) < reach) {
                    return false;
                }
                reach += (tensor.dim(axis) - 1) * tensor.stride(axis);
            }
        }
        return true;
    }

    /** Whether two tensors may share memory. */
    static boolean between(Tensor a, @Nullable Tensor b) {
        if (b == null || a.elementCount() == 0 || b.elementCount() == 0 || rangesApart(a, b)) {
            return false;
        }
        return !apart(Steps.of(a), 0, Steps.of(b), 0, b.address() - a.address());
    }

    private static boolean rangesApart(Tensor a, Tensor b) {
        return a.address() + reach(a) <= b.address() || b.address() + reach(b) <= a.address();
    }

    /** Bytes from the first element to the end of the last. */
    private static long reach(Tensor tensor) {
        long elements = 1;
        for (int axis = 0; axis < tensor.rank(); axis++) {
            elements += (tensor.dim(axis) - 1) * tensor.stride(axis);
        }
        return elements * tensor.dtype().byteSize();
    }

    /**
     * Whether b, which begins {@code distance} bytes after a, keeps out of a; looking at the steps from {@code fromA} and
     * {@code fromB} on. The longest step, if all that is left of either tensor fits into it, is a period of both: then it is
     * enough to compare one period of a with the two of b that it can meet.
     */
    private static boolean apart(Steps a, int fromA, Steps b, int fromB, long distance) {
        if (distance >= a.reach(fromA) || -distance >= b.reach(fromB)) {
            return true;
        }
        long period = Math.max(a.stride(fromA), b.stride(fromB));
        if (period == 0) {
            return false;
        }
        int nextA = a.stride(fromA) == period ? fromA + 1 : fromA;
        int nextB = b.stride(fromB) == period ? fromB + 1 : fromB;
        if (a.reach(nextA) > period || b.reach(nextB) > period) {
            return false;
        }
        long within = Math.floorMod(distance, period);
        return apart(a, nextA, b, nextB, within) && apart(a, nextA, b, nextB, within - period);
    }

    /**
     * The axes along which a tensor has more than one element, the longest stride first.
     *
     * @param strides in bytes
     * @param reaches bytes from the first element to the end of the last, over the axes from each one on
     */
    private record Steps(long[] strides, long[] reaches) {

        static Steps of(Tensor tensor) {
            int size = tensor.dtype().byteSize();
            int[] axes = axesByStride(tensor);
            long[] strides = new long[axes.length];
            long[] reaches = new long[axes.length + 1];
            reaches[axes.length] = size;
            for (int i = axes.length - 1; i >= 0; i--) {
                strides[i] = tensor.stride(axes[i]) * size;
                reaches[i] = reaches[i + 1] + (tensor.dim(axes[i]) - 1) * strides[i];
            }
            return new Steps(strides, reaches);
        }

        /** Sorts by insertion: there are four axes, and this is part of every run. */
        private static int[] axesByStride(Tensor tensor) {
            int[] axes = new int[tensor.rank()];
            int count = 0;
            for (int axis = 0; axis < axes.length; axis++) {
                if (tensor.dim(axis) <= 1) {
                    continue;
                }
                int place = count++;
                while (place > 0 && tensor.stride(axes[place - 1]) < tensor.stride(axis)) {
                    axes[place] = axes[place - 1];
                    place--;
                }
                axes[place] = axis;
            }
            return Arrays.copyOf(axes, count);
        }

        int count() {
            return strides.length;
        }

        /** Longest stride of the axes from one on, 0 if there is none. */
        long stride(int from) {
            return from < strides.length ? strides[from] : 0;
        }

        long reach(int from) {
            return reaches[from];
        }
    }
}
