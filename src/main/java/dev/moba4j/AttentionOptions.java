package dev.moba4j;

import java.util.OptionalDouble;

/**
 * What is computed (paper, section 2). Immutable; made by {@link #moba}, {@link #fullAttention} or {@link #selected} and
 * changed by the {@code with} methods. An unset softmax scale stands for {@code 1 / sqrt(D)}.
 *
 * {@snippet class="dev.moba4j.snippets.AttentionSnippetTest" region="options"}
 *
 * @param full attention to every key instead of the selected blocks; the fields about blocks are then 0 or their defaults
 * @param blockSize B, tokens per block; any positive value works, multiples of 64 are fast; 0 when {@code full}
 * @param topK K, blocks per query, the query's own block included (paper, footnote 3); 0 when {@code full}, or for plans
 *     that only attend to given selections
 * @param causal whether query {@code i} of a sequence sees keys {@code 0 .. Lk - Lq + i} only
 * @param routing who chooses blocks
 * @param sinkBlocks first blocks that are always selected
 * @param localBlocks latest blocks that are always selected, the own block included; more than 1 needs {@code causal}
 * @param softmaxScale factor of the scores inside the softmax, 1.18e-38 to 1.7e38; empty for {@code 1 / sqrt(D)}
 */
public record AttentionOptions(
        boolean full,
        long blockSize,
        long topK,
        boolean causal,
        Routing routing,
        long sinkBlocks,
        long localBlocks,
        OptionalDouble softmaxScale) {

    // A normal number in single precision, also times log2(e).
    private static final float LEAST_SCALE = Float.MIN_NORMAL;
    private static final float MOST_SCALE = Float.MAX_VALUE / 2;

    /**
     * Checks the options.
     *
     * @throws IllegalArgumentException if they contradict each other or a value is out of its range
     */
    public AttentionOptions {
        if (full) {
            require(blockSize == 0, "blockSize is " + blockSize + ", expected 0 with full attention");
            require(topK == 0, "topK is " + topK + ", expected 0 with full attention");
            require(sinkBlocks == 0, "sinkBlocks is " + sinkBlocks + ", expected 0 with full attention");
            require(localBlocks == 1, "localBlocks is " + localBlocks + ", expected 1 with full attention");
        } else {
            require(blockSize >= 1, "blockSize is " + blockSize + ", expected at least 1");
            require(topK >= 0, "topK is " + topK + ", expected at least 1, or 0 to attend to given selections only");
            require(sinkBlocks >= 0, "sinkBlocks is " + sinkBlocks + ", expected at least 0");
            require(localBlocks >= 1, "localBlocks is " + localBlocks + ", expected at least 1");
            require(
                    localBlocks == 1 || causal,
                    "localBlocks is " + localBlocks + ", expected 1 with attention that is not causal");
            require(
                    topK == 0 || (sinkBlocks <= topK && localBlocks <= topK && sinkBlocks + localBlocks <= topK),
                    "sinkBlocks + localBlocks is " + sinkBlocks + " + " + localBlocks + ", expected at most topK = "
                            + topK);
        }
        double scale = softmaxScale.orElse(1);
        require(
                scale >= LEAST_SCALE && scale <= MOST_SCALE,
                "softmaxScale is " + scale + ", expected a finite number greater than 0 (" + LEAST_SCALE + " to "
                        + MOST_SCALE + ")");
    }

    /**
     * MoBA: causal, routed per head, own block always selected.
     *
     * @param blockSize B, at least 1
     * @param topK K, at least 1, the query's own block included
     * @return the options
     */
    public static AttentionOptions moba(long blockSize, long topK) {
        require(topK >= 1, "topK is " + topK + ", expected at least 1");
        return new AttentionOptions(false, blockSize, topK, true, Routing.PER_HEAD, 0, 1, OptionalDouble.empty());
    }

    /**
     * Causal attention to every key.
     *
     * @return the options
     */
    public static AttentionOptions fullAttention() {
        return new AttentionOptions(true, 0, 0, true, Routing.PER_HEAD, 0, 1, OptionalDouble.empty());
    }

    /**
     * Causal attention to blocks that the caller chose: only {@code attendSelected} is offered.
     *
     * @param blockSize B, at least 1
     * @return the options
     */
    public static AttentionOptions selected(long blockSize) {
        return new AttentionOptions(false, blockSize, 0, true, Routing.PER_HEAD, 0, 1, OptionalDouble.empty());
    }

    /**
     * These options with or without the causal mask.
     *
     * @param causal whether a query sees only keys up to its own position
     * @return the new options
     */
    public AttentionOptions withCausal(boolean causal) {
        return new AttentionOptions(full, blockSize, topK, causal, routing, sinkBlocks, localBlocks, softmaxScale);
    }

    /**
     * These options with another routing.
     *
     * @param routing who chooses blocks
     * @return the new options
     */
    public AttentionOptions withRouting(Routing routing) {
        return new AttentionOptions(full, blockSize, topK, causal, routing, sinkBlocks, localBlocks, softmaxScale);
    }

    /**
     * These options with sink blocks.
     *
     * @param sinkBlocks first blocks that are always selected; with {@code localBlocks} at most {@code topK}
     * @return the new options
     */
    public AttentionOptions withSinkBlocks(long sinkBlocks) {
        return new AttentionOptions(full, blockSize, topK, causal, routing, sinkBlocks, localBlocks, softmaxScale);
    }

    /**
     * These options with local blocks.
     *
     * @param localBlocks latest blocks that are always selected, the own one included
     * @return the new options
     */
    public AttentionOptions withLocalBlocks(long localBlocks) {
        return new AttentionOptions(full, blockSize, topK, causal, routing, sinkBlocks, localBlocks, softmaxScale);
    }

    /**
     * These options with a softmax scale of their own.
     *
     * @param softmaxScale 1.18e-38 to 1.7e38
     * @return the new options
     */
    public AttentionOptions withSoftmaxScale(double softmaxScale) {
        return new AttentionOptions(
                full, blockSize, topK, causal, routing, sinkBlocks, localBlocks, OptionalDouble.of(softmaxScale));
    }

    private static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new IllegalArgumentException(otherwise);
        }
    }
}
