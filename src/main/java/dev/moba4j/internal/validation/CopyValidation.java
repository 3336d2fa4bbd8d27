package dev.moba4j.internal.validation;

import static dev.moba4j.internal.validation.TensorRequirements.accessible;
import static dev.moba4j.internal.validation.TensorRequirements.dtype;
import static dev.moba4j.internal.validation.TensorRequirements.present;
import static dev.moba4j.internal.validation.TensorRequirements.rank;
import static dev.moba4j.internal.validation.TensorRequirements.sameDim;
import static dev.moba4j.internal.validation.TensorRequirements.writable;

import dev.moba4j.Device;
import dev.moba4j.Tensor;

/** Checks the tensors of a copy: bytes go over as they lie, so both are contiguous. */
public final class CopyValidation {
    private CopyValidation() {}

    /** Throws unless {@code target} can take the elements of {@code source}, each in the processor's memory or on {@code device}. */
    public static void check(Tensor source, Tensor target, Device device) {
        checkSide("source", source, device);
        checkSide("target", target, device);
        dtype("target", target, source.dtype(), " (dtype of source)");
        rank("target", target, source.rank(), "(rank of source)");
        for (int axis = 0; axis < source.rank(); axis++) {
            sameDim("target", target, axis, "as in source", "source", source);
        }
        writable("target", target);
        RunValidation.requireApart("target", target, "source", source);
    }

    private static void checkSide(String argument, Tensor tensor, Device device) {
        present(argument, tensor, "of any shape");
        accessible(argument, tensor, tensor.device().isCpu() ? Device.CPU : device);
        if (!tensor.isContiguous()) {
            throw new IllegalArgumentException(
                    argument + " is " + tensor + ", expected a contiguous tensor: copy what it is a view of");
        }
    }
}
