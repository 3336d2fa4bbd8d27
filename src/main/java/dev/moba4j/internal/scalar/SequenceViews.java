package dev.moba4j.internal.scalar;

import dev.moba4j.Tensor;
import dev.moba4j.internal.Sequences;

/** Views of one sequence, without batch axis, in a packed batch or in one with a leading batch axis. */
record SequenceViews(Sequences sequences, int sequence, boolean batched) {

    /** The sequence's part of a tensor whose tokens are queries. */
    Tensor queries(Tensor tensor) {
        return view(tensor, sequences.startQ(sequence), sequences.lengthQ(sequence));
    }

    /** The sequence's part of a tensor whose tokens are keys. */
    Tensor keys(Tensor tensor) {
        return view(tensor, sequences.startK(sequence), sequences.lengthK(sequence));
    }

    private Tensor view(Tensor tensor, long start, long length) {
        return batched ? tensor.select(0, sequence) : tensor.slice(0, start, start + length);
    }
}
