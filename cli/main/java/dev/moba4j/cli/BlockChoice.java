package dev.moba4j.cli;

import dev.moba4j.AttentionOptions;
import dev.moba4j.Routing;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say which keys a query reads; names and defaults are those of the specification. */
final class BlockChoice {
    @Option(
            names = "--block-size",
            paramLabel = "B",
            converter = WholeNumber.class,
            description = "Tokens of one key block; multiples of 64 are fast.")
    private @Nullable Long blockSize;

    @Option(
            names = "--top-k",
            paramLabel = "K",
            converter = WholeNumber.class,
            description = "Blocks a query reads, its own block included.")
    private @Nullable Long topK;

    @Option(names = "--no-causal", description = "Queries also see later keys.")
    private boolean notCausal;

    @Option(
            names = "--routing",
            paramLabel = "head|group",
            converter = RoutingName.class,
            description =
                    "Each query head chooses for itself (head, the default), or the heads of one kv head together.")
    private @Nullable Routing routing;

    @Option(
            names = "--sink-blocks",
            paramLabel = "n",
            converter = WholeNumber.class,
            description = "First blocks that are always read; default 0.")
    private @Nullable Long sinkBlocks;

    @Option(
            names = "--local-blocks",
            paramLabel = "n",
            converter = WholeNumber.class,
            description = "Latest blocks that are always read, the own block included; default 1.")
    private @Nullable Long localBlocks;

    @Option(
            names = "--softmax-scale",
            paramLabel = "S",
            description = "Factor on the scores; default 1/sqrt(D). Routing does not depend on it.")
    private @Nullable Double softmaxScale;

    /** Block-sparse attention whose blocks are routed. */
    AttentionOptions routed() {
        long size = require("--block-size", blockSize, "--block-size B and --top-k K");
        long most = require("--top-k", topK, "--block-size B and --top-k K");
        AttentionOptions options = attention(AttentionOptions.moba(size, most));
        options = routing == null ? options : options.withRouting(routing);
        options = sinkBlocks == null ? options : options.withSinkBlocks(sinkBlocks);
        return localBlocks == null ? options : options.withLocalBlocks(localBlocks);
    }

    /** Attention to the blocks that the input file selects; routing options are ignored. */
    AttentionOptions selected() {
        long size = require("--block-size", blockSize, "the block size that the input's selected refers to");
        return attention(AttentionOptions.selected(size));
    }

    /** Attention to every key. */
    AttentionOptions full() {
        String reason = "--full reads every key and has no blocks; expected one or the other";
        refuse("--block-size", blockSize, reason);
        refuse("--top-k", topK, reason);
        refuse("--routing", routing, reason);
        refuse("--sink-blocks", sinkBlocks, reason);
        refuse("--local-blocks", localBlocks, reason);
        return attention(AttentionOptions.fullAttention());
    }

    private AttentionOptions attention(AttentionOptions base) {
        AttentionOptions options = base.withCausal(!notCausal);
        return softmaxScale == null ? options : options.withSoftmaxScale(softmaxScale);
    }

    private static long require(String option, @Nullable Long value, String expected) {
        if (value == null) {
            throw new BadInputException(option + " is missing; expected " + expected);
        }
        return value;
    }

    private static void refuse(String option, @Nullable Object value, String reason) {
        if (value != null) {
            throw new BadInputException(option + " is given, but " + reason);
        }
    }
}
