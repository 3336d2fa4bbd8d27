package dev.moba4j.internal.validation;

import static dev.moba4j.internal.validation.TensorRequirements.accessible;
import static dev.moba4j.internal.validation.TensorRequirements.contiguousChannels;
import static dev.moba4j.internal.validation.TensorRequirements.dtype;
import static dev.moba4j.internal.validation.TensorRequirements.present;
import static dev.moba4j.internal.validation.TensorRequirements.rank;
import static dev.moba4j.internal.validation.TensorRequirements.sameDim;
import static dev.moba4j.internal.validation.TensorRequirements.writable;

import dev.moba4j.DType;
import dev.moba4j.Device;
import dev.moba4j.Tensor;
import dev.moba4j.internal.MergeOperands;

/** Checks the tensors of a merge. */
public final class MergeValidation {
    private MergeValidation() {}

    /** Throws unless shapes and dtypes agree, all lie on the device and the outputs have memory of their own. */
    public static void check(MergeOperands operands, Device device) {
        Tensor oA = present("oA", operands.oA(), "[.., T, H, Dv]");
        accessible("oA", oA, device);
        if (oA.rank() != 3 && oA.rank() != 4) {
            throw new IllegalArgumentException("oA.rank() is " + oA.rank()
                    + ", expected 3 (token, head, channel) or 4 (batch, token, head, channel)");
        }
        if (!oA.dtype().isFloatingPoint()) {
            throw new IllegalArgumentException("oA.dtype() is " + oA.dtype() + ", expected F32, F16 or BF16");
        }
        contiguousChannels("oA", oA);
        checkOutput("oB", operands.oB(), oA);
        checkOutput("o", operands.o(), oA);
        checkLse("lseA", operands.lseA(), oA);
        checkLse("lseB", operands.lseB(), oA);
        checkLse("lse", operands.lse(), oA);
        writable("o", operands.o());
        writable("lse", operands.lse());
        checkApart("o", operands.o(), operands);
        checkApart("lse", operands.lse(), operands);
        RunValidation.requireApart("o", operands.o(), "lse", operands.lse());
    }

    private static void checkOutput(String argument, Tensor tensor, Tensor oA) {
        present(argument, tensor, "[.., T, H, Dv]");
        accessible(argument, tensor, oA.device());
        rank(argument, tensor, oA.rank(), "(rank of oA)");
        dtype(argument, tensor, oA.dtype(), " (dtype of oA)");
        for (int axis = 0; axis < oA.rank(); axis++) {
            sameDim(argument, tensor, axis, "as in oA", "oA", oA);
        }
        contiguousChannels(argument, tensor);
    }

    private static void checkLse(String argument, Tensor tensor, Tensor oA) {
        present(argument, tensor, "[.., T, H]");
        accessible(argument, tensor, oA.device());
        rank(argument, tensor, oA.rank() - 1, "[.., T, H]");
        dtype(argument, tensor, DType.F32, "");
        for (int axis = 0; axis < oA.rank() - 1; axis++) {
            sameDim(argument, tensor, axis, "as in oA", "oA", oA);
        }
    }

    private static void checkApart(String output, Tensor tensor, MergeOperands operands) {
        RunValidation.requireApart(output, tensor, "oA", operands.oA());
        RunValidation.requireApart(output, tensor, "lseA", operands.lseA());
        RunValidation.requireApart(output, tensor, "oB", operands.oB());
        RunValidation.requireApart(output, tensor, "lseB", operands.lseB());
    }
}
