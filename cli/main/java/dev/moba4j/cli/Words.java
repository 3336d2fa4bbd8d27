package dev.moba4j.cli;

import java.util.Map;
import java.util.regex.Pattern;

/** The library's sentences name its own parameters; users know them by the names of options and of a file's tensors. */
final class Words {
    private static final Map<String, String> BY_PARAMETER = Map.of(
            "blockSize", "--block-size",
            "topK", "--top-k",
            "sinkBlocks", "--sink-blocks",
            "localBlocks", "--local-blocks",
            "softmaxScale", "--softmax-scale",
            "cuSeqlensQ", "cu_seqlens_q",
            "cuSeqlensK", "cu_seqlens_k");

    private static final Pattern PARAMETER = Pattern.compile("\\b(" + String.join("|", BY_PARAMETER.keySet()) + ")\\b");

    private Words() {}

    static String ofCommandLine(String sentence) {
        return PARAMETER.matcher(sentence).replaceAll(found -> BY_PARAMETER.get(found.group(1)));
    }
}
