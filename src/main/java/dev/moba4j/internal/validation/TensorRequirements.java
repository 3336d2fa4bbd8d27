package dev.moba4j.internal.validation;

import dev.moba4j.DType;
import dev.moba4j.Device;
import dev.moba4j.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** What a single tensor argument has to fulfil. */
final class TensorRequirements {
    private TensorRequirements() {}

    static Tensor present(String argument, @Nullable Tensor tensor, String expected) {
        if (tensor == null) {
            throw new IllegalArgumentException(argument + " is null, expected a tensor " + expected);
        }
        return tensor;
    }

    /** Throws unless the memory is there, lent to this thread, and on the device that reads or writes it. */
    static void accessible(String argument, Tensor tensor, Device device) {
        if (!tensor.segment().scope().isAlive()) {
            throw new IllegalStateException(argument + " lies in memory whose arena is closed, expected an open one");
        }
        if (!tensor.segment().isAccessibleBy(Thread.currentThread())) {
            throw new IllegalArgumentException(argument + " lies in memory of a confined arena of another thread than "
                    + Thread.currentThread().getName() + ", expected a shared arena");
        }
        if (!tensor.device().equals(device)) {
            throw new IllegalArgumentException(argument + " lies on " + tensor.device() + ", expected " + device
                    + ": Engine.allocate makes a tensor in memory of the engine's device, and Engine.copy fills it");
        }
    }

    static void dtype(String argument, Tensor tensor, DType expected, String whose) {
        if (tensor.dtype() != expected) {
            throw new IllegalArgumentException(
                    argument + ".dtype() is " + tensor.dtype() + ", expected " + expected + whose);
        }
    }

    static void rank(String argument, Tensor tensor, int expected, String axes) {
        if (tensor.rank() != expected) {
            throw new IllegalArgumentException(
                    argument + ".rank() is " + tensor.rank() + ", expected " + expected + " " + axes);
        }
    }

    static void dim(String argument, Tensor tensor, int axis, String axisName, long expected, String whose) {
        if (tensor.dim(axis) != expected) {
            throw new IllegalArgumentException(argument + ".dim(" + axis + ") (" + axisName + ") is " + tensor.dim(axis)
                    + ", expected " + expected + " (" + whose + ")");
        }
    }

    /** Like {@link #dim}, of a quantity of the plan. */
    static void dimOfPlan(String argument, Tensor tensor, int axis, String axisName, long expected, String quantity) {
        if (tensor.dim(axis) != expected) {
            dim(argument, tensor, axis, axisName, expected, quantity + " of the plan");
        }
    }

    /** Like {@link #dim}: as long as another tensor along the same axis. */
    static void sameDim(String argument, Tensor tensor, int axis, String axisName, String other, Tensor otherTensor) {
        if (tensor.dim(axis) != otherTensor.dim(axis)) {
            dim(argument, tensor, axis, axisName, otherTensor.dim(axis), other + ".dim(" + axis + ")");
        }
    }

    static void contiguousChannels(String argument, Tensor tensor) {
        int last = tensor.rank() - 1;
        if (tensor.stride(last) != 1 && tensor.dim(last) > 1) {
            throw new IllegalArgumentException(
                    argument + ".stride(" + last + ") (channels) is " + tensor.stride(last) + ", expected 1");
        }
    }

    static void writable(String argument, Tensor tensor) {
        if (tensor.segment().isReadOnly()) {
            throw new IllegalArgumentException(argument + " lies in read-only memory, expected writable memory");
        }
        if (MemoryOverlap.withinItself(tensor)) {
            throw new IllegalArgumentException(argument + ".strides() is " + Arrays.toString(tensor.strides())
                    + " with shape " + Arrays.toString(tensor.shape())
                    + ", expected strides that give each element memory of its own");
        }
    }
}
