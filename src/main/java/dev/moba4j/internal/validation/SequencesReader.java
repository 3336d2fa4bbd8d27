package dev.moba4j.internal.validation;

import dev.moba4j.AttentionInputs;
import dev.moba4j.DType;
import dev.moba4j.Device;
import dev.moba4j.Tensor;
import dev.moba4j.internal.Sequences;
import org.jspecify.annotations.Nullable;

/** Reads where the sequences of a run begin, from cu_seqlens or from the batch axis, and checks what it reads. */
final class SequencesReader {
    private static final long MOST_TOKENS_OF_A_SEQUENCE = Integer.MAX_VALUE;

    private SequencesReader() {}

    /** Notes the sequences of inputs whose q and k have been checked. */
    static void read(AttentionInputs in, long maxSequences, Sequences sequences) {
        Tensor q = in.q();
        Tensor k = in.k();
        Tensor cuSeqlensQ = in.cuSeqlensQ();
        Tensor cuSeqlensK = in.cuSeqlensK();
        if (q.rank() == 4) {
            requireAbsent("cuSeqlensQ", cuSeqlensQ);
            requireAbsent("cuSeqlensK", cuSeqlensK);
            requireAtMost("q", ".dim(0) (batch)", q.dim(0), maxSequences);
            sequences.setEven(Math.toIntExact(q.dim(0)), q.dim(1), k.dim(1));
        } else if (cuSeqlensQ == null && cuSeqlensK == null) {
            sequences.setEven(1, q.dim(0), k.dim(0));
        } else {
            readPacked(cuSeqlensQ, cuSeqlensK, q.dim(0), k.dim(0), maxSequences, sequences);
        }
        for (int sequence = 0; sequence < sequences.count(); sequence++) {
            requireLength("queries", sequence, sequences.lengthQ(sequence));
            requireLength("keys", sequence, sequences.lengthK(sequence));
        }
    }

    /** One that is absent is like the other. */
    private static void readPacked(
            @Nullable Tensor cuSeqlensQ,
            @Nullable Tensor cuSeqlensK,
            long tokensQ,
            long tokensK,
            long maxSequences,
            Sequences sequences) {
        if ((cuSeqlensQ == null || cuSeqlensK == null) && tokensQ != tokensK) {
            String missing = cuSeqlensQ == null ? "cuSeqlensQ" : "cuSeqlensK";
            throw new IllegalArgumentException(missing + " is null, expected a tensor [S + 1], since q has " + tokensQ
                    + " tokens and k has " + tokensK);
        }
        int countQ = cuSeqlensQ == null ? -1 : count("cuSeqlensQ", cuSeqlensQ, maxSequences);
        int countK = cuSeqlensK == null ? -1 : count("cuSeqlensK", cuSeqlensK, maxSequences);
        sequences.setPacked(Math.max(countQ, countK));
        if (cuSeqlensQ != null) {
            readStarts("cuSeqlensQ", cuSeqlensQ, "q", tokensQ, sequences.startsQ());
        }
        if (cuSeqlensK != null) {
            readStarts("cuSeqlensK", cuSeqlensK, "k", tokensK, sequences.startsK());
        }
        if (cuSeqlensQ == null) {
            System.arraycopy(sequences.startsK(), 0, sequences.startsQ(), 0, countK + 1);
        } else if (cuSeqlensK == null) {
            System.arraycopy(sequences.startsQ(), 0, sequences.startsK(), 0, countQ + 1);
        } else if (countQ != countK) {
            throw new IllegalArgumentException(
                    "cuSeqlensK.dim(0) is " + (countK + 1) + ", expected " + (countQ + 1) + " (cuSeqlensQ.dim(0))");
        }
    }

    private static int count(String argument, Tensor tensor, long maxSequences) {
        TensorRequirements.accessible(argument, tensor, Device.CPU);
        if (tensor.dtype() != DType.I32 && tensor.dtype() != DType.I64) {
            throw new IllegalArgumentException(argument + ".dtype() is " + tensor.dtype() + ", expected I32 or I64");
        }
        TensorRequirements.rank(argument, tensor, 1, "[S + 1]");
        if (!tensor.isContiguous()) {
            throw new IllegalArgumentException(argument + ".stride(0) is " + tensor.stride(0) + ", expected 1");
        }
        if (tensor.dim(0) < 2) {
            throw new IllegalArgumentException(
                    argument + ".dim(0) is " + tensor.dim(0) + ", expected at least 2 (one sequence)");
        }
        requireAtMost(argument, ".dim(0) - 1 (sequences)", tensor.dim(0) - 1, maxSequences);
        return Math.toIntExact(tensor.dim(0) - 1);
    }

    private static void readStarts(String argument, Tensor tensor, String of, long tokens, long[] starts) {
        int last = (int) tensor.dim(0) - 1;
        for (int i = 0; i <= last; i++) {
            starts[i] = tensor.getLong(i);
            if (i == 0 && starts[0] != 0) {
                throw new IllegalArgumentException(argument + "[0] is " + starts[0] + ", expected 0");
            }
            if (i > 0 && starts[i] < starts[i - 1]) {
                throw new IllegalArgumentException(argument + "[" + i + "] is " + starts[i] + ", expected at least "
                        + argument + "[" + (i - 1) + "] = " + starts[i - 1]);
            }
        }
        if (starts[last] != tokens) {
            throw new IllegalArgumentException(argument + "[" + last + "] (the last) is " + starts[last] + ", expected "
                    + tokens + " (tokens of " + of + ")");
        }
    }

    private static void requireAbsent(String argument, @Nullable Tensor tensor) {
        if (tensor != null) {
            throw new IllegalArgumentException(
                    argument + " is given, expected null with q of rank 4, whose batch axis tells the sequences apart");
        }
    }

    private static void requireAtMost(String argument, String what, long value, long most) {
        if (value > most) {
            throw new IllegalArgumentException(
                    argument + what + " is " + value + ", expected at most " + most + " (maxSequences of the plan)");
        }
    }

    private static void requireLength(String what, int sequence, long length) {
        if (length > MOST_TOKENS_OF_A_SEQUENCE) {
            throw new IllegalArgumentException("sequence " + sequence + " has " + length + " " + what
                    + ", expected at most " + MOST_TOKENS_OF_A_SEQUENCE);
        }
    }
}
