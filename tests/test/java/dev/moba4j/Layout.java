package dev.moba4j;

/** Ways to lay a batch of sequences out in memory; strides are counted in elements. */
enum Layout {
    /** {@code [T, heads, channels]}, contiguous. */
    PACKED,
    /** {@code [heads, T, channels]} in memory. */
    HEAD_MAJOR,
    /** Packed, with gaps between heads and tokens, aligned to no more than one element. */
    GAPS,
    /** {@code [S, T, heads, channels]}, contiguous. */
    BATCHED,
    /** {@code [S, heads, T, channels]} in memory. */
    BATCHED_HEAD_MAJOR,
    /** Batched, with gaps on every axis. */
    BATCHED_GAPS;

    boolean batched() {
        return ordinal() >= BATCHED.ordinal();
    }

    /** Strides of batch, token and head axis for sequences that hold {@code tokens} (packed: all) tokens each. */
    long[] strides(long tokens, long heads, long channels) {
        return switch (this) {
            case PACKED, BATCHED -> new long[] {tokens * heads * channels, heads * channels, channels};
            case HEAD_MAJOR, BATCHED_HEAD_MAJOR -> new long[] {heads * tokens * channels, channels, tokens * channels};
            case GAPS, BATCHED_GAPS -> {
                long head = channels + 3;
                long token = heads * head + 5;
                yield new long[] {tokens * token + 7, token, head};
            }
        };
    }

    /** Elements between the start of an aligned buffer and the tensor's first element. */
    long lead() {
        return this == GAPS || this == BATCHED_GAPS ? 1 : 0;
    }
}
