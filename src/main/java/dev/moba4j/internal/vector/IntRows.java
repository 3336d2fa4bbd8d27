package dev.moba4j.internal.vector;

import dev.moba4j.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The rows of an 32-bit tensor: a selection, or a log-sum-exp as raw bits. */
final class IntRows {
    private final MemorySegment memory;
    private final long batchStride;
    private final long tokenStride;
    private final long headStride;
    private final long stride;

    /**
     * Access to a tensor.
     *
     * @param tensor {@code [.., token, head]} or {@code [.., token, head, entry]}
     * @param hasEntries whether the last axis is that of entries
     */
    IntRows(Tensor tensor, boolean hasEntries) {
        int head = tensor.rank() - (hasEntries ? 2 : 1);
        memory = tensor.segment();
        batchStride = head == 2 ? tensor.stride(0) : 0;
        tokenStride = tensor.stride(head - 1);
        headStride = tensor.stride(head);
        stride = hasEntries ? tensor.stride(head + 1) : 0;
    }

    int get(long batch, long token, long head, long entry) {
        return memory.getAtIndex(ValueLayout.JAVA_INT, index(batch, token, head, entry));
    }

    void set(long batch, long token, long head, long entry, int value) {
        memory.setAtIndex(ValueLayout.JAVA_INT, index(batch, token, head, entry), value);
    }

    private long index(long batch, long token, long head, long entry) {
        return batch * batchStride + token * tokenStride + head * headStride + entry * stride;
    }
}
