package dev.moba4j.internal.validation;

import dev.moba4j.AttentionInputs;
import dev.moba4j.DType;
import dev.moba4j.Tensor;
import dev.moba4j.internal.Sequences;
import org.jspecify.annotations.Nullable;

/** Reads where the sequences of a run begin, from cu_seqlens or from the batch axis, and checks what it reads. */
final class SequencesReader {
    private static final long MOST_TOKENS_OF_A_SEQUENCE = Integer.MAX_VALUE;

    private SequencesReader() {}

    /** The sequences of inputs whose q and k have been checked. */
    static Sequences read(AttentionInputs in, long maxSequences) {
        Tensor q = in.q();
        Tensor k = in.k();
        Tensor cuSeqlensQ = in.cuSeqlensQ();
        Tensor cuSeqlensK = in.cuSeqlensK();
        Sequences sequences;
        if (q.rank() == 4) {
            requireAbsent("cuSeqlensQ", cuSeqlensQ);
            requireAbsent("cuSeqlensK", cuSeqlensK);
            requireAtMost("q.dim(0) (batch)", q.dim(0), maxSequences);
            sequences = Sequences.even(Math.toIntExact(q.dim(0)), q.dim(1), k.dim(1));
        } else if (cuSeqlensQ == null && cuSeqlensK == null) {
            sequences = Sequences.even(1, q.dim(0), k.dim(0));
        } else {
            sequences = packed(cuSeqlensQ, cuSeqlensK, q.dim(0), k.dim(0), maxSequences);
        }
        for (int sequence = 0; sequence < sequences.count(); sequence++) {
            requireLength("queries", sequence, sequences.lengthQ(sequence));
            requireLength("keys", sequence, sequences.lengthK(sequence));
        }
        return sequences;
    }

    private static Sequences packed(
            @Nullable Tensor cuSeqlensQ, @Nullable Tensor cuSeqlensK, long tokensQ, long tokensK, long maxSequences) {
        if ((cuSeqlensQ == null || cuSeqlensK == null) && tokensQ != tokensK) {
            String missing = cuSeqlensQ == null ? "cuSeqlensQ" : "cuSeqlensK";
            throw new IllegalArgumentException(missing + " is null, expected a tensor [S + 1], since q has " + tokensQ
                    + " tokens and k has " + tokensK);
        }
        long[] startsQ = cuSeqlensQ == null ? null : starts("cuSeqlensQ", cuSeqlensQ, "q", tokensQ, maxSequences);
        long[] startsK = cuSeqlensK == null ? null : starts("cuSeqlensK", cuSeqlensK, "k", tokensK, maxSequences);
        if (startsQ == null) {
            return Sequences.starting(startsK, startsK);
        }
        if (startsK == null) {
            return Sequences.starting(startsQ, startsQ);
        }
        if (startsQ.length != startsK.length) {
            throw new IllegalArgumentException(
                    "cuSeqlensK.dim(0) is " + startsK.length + ", expected " + startsQ.length + " (cuSeqlensQ.dim(0))");
        }
        return Sequences.starting(startsQ, startsK);
    }

    private static long[] starts(String argument, Tensor tensor, String of, long tokens, long maxSequences) {
        TensorRequirements.accessible(argument, tensor);
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
        requireAtMost(argument + ".dim(0) - 1 (sequences)", tensor.dim(0) - 1, maxSequences);
        long[] starts = new long[Math.toIntExact(tensor.dim(0))];
        for (int i = 0; i < starts.length; i++) {
            starts[i] = tensor.getLong(i);
            if (i == 0 && starts[0] != 0) {
                throw new IllegalArgumentException(argument + "[0] is " + starts[0] + ", expected 0");
            }
            if (i > 0 && starts[i] < starts[i - 1]) {
                throw new IllegalArgumentException(argument + "[" + i + "] is " + starts[i] + ", expected at least "
                        + argument + "[" + (i - 1) + "] = " + starts[i - 1]);
            }
        }
        int last = starts.length - 1;
        if (starts[last] != tokens) {
            throw new IllegalArgumentException(argument + "[" + last + "] (the last) is " + starts[last] + ", expected "
                    + tokens + " (tokens of " + of + ")");
        }
        return starts;
    }

    private static void requireAbsent(String argument, @Nullable Tensor tensor) {
        if (tensor != null) {
            throw new IllegalArgumentException(
                    argument + " is given, expected null with q of rank 4, whose batch axis tells the sequences apart");
        }
    }

    private static void requireAtMost(String what, long value, long most) {
        if (value > most) {
            throw new IllegalArgumentException(
                    what + " is " + value + ", expected at most " + most + " (maxSequences of the plan)");
        }
    }

    private static void requireLength(String what, int sequence, long length) {
        if (length > MOST_TOKENS_OF_A_SEQUENCE) {
            throw new IllegalArgumentException("sequence " + sequence + " has " + length + " " + what
                    + ", expected at most " + MOST_TOKENS_OF_A_SEQUENCE);
        }
    }
}
