package dev.moba4j.internal.validation;

import dev.moba4j.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Whether tensors share memory, decided from addresses and strides. Two tensors are taken to be apart when their byte
 * ranges are, or when both step by the same largest stride and stay in different parts of each step, as interleaved
 * views of one buffer do.
 */
final class MemoryOverlap {
    private MemoryOverlap() {}

    /** Whether two elements of one tensor may share memory: each axis has to step over all that smaller strides cover. */
    static boolean withinItself(Tensor tensor) {
        if (tensor.elementCount() == 0) {
            return false;
        }
        int[] byStride = IntStream.range(0, tensor.rank())
                .filter(axis -> tensor.dim(axis) > 1)
                .boxed()
                .sorted((a, b) -> Long.compare(tensor.stride(a), tensor.stride(b)))
                .mapToInt(Integer::intValue)
                .toArray();
        long covered = 1;
        for (int axis : byStride) {
            if (tensor.stride(axis) < covered) {
                return true;
            }
            covered += (tensor.dim(axis) - 1) * tensor.stride(axis);
        }
        return false;
    }

    /** Whether two tensors may share memory. */
    static boolean between(Tensor a, @Nullable Tensor b) {
        if (b == null || a.elementCount() == 0 || b.elementCount() == 0 || disjoint(a.segment(), b.segment())) {
            return false;
        }
        long step = largestStep(a);
        if (step == 0 || step != largestStep(b)) {
            return true;
        }
        long distance = Math.floorMod(b.address() - a.address(), step);
        return distance < extentWithin(a, step) || step - distance < extentWithin(b, step);
    }

    private static boolean disjoint(MemorySegment a, MemorySegment b) {
        return a.address() + a.byteSize() <= b.address() || b.address() + b.byteSize() <= a.address();
    }

    /** Largest stride in bytes, 0 for a single element. */
    private static long largestStep(Tensor tensor) {
        long largest = 0;
        for (int axis = 0; axis < tensor.rank(); axis++) {
            if (tensor.dim(axis) > 1) {
                largest = Math.max(largest, tensor.stride(axis));
            }
        }
        return largest * tensor.dtype().byteSize();
    }

    /** Bytes from the first to the last element that one step of the largest stride covers. */
    private static long extentWithin(Tensor tensor, long step) {
        int size = tensor.dtype().byteSize();
        long extent = size;
        for (int axis = 0; axis < tensor.rank(); axis++) {
            if (tensor.stride(axis) * size != step) {
                extent += (tensor.dim(axis) - 1) * tensor.stride(axis) * size;
            }
        }
        return extent;
    }
}
