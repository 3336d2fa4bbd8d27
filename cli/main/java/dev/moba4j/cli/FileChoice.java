package dev.moba4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where the tensors are read, from one safetensors file or from .npy files, and where the result goes. */
final class FileChoice {
    @Option(names = "--input", paramLabel = "X.safetensors", description = "Where the tensors are read.")
    private @Nullable Path input;

    @Option(names = "--q", paramLabel = "q.npy", description = "Instead of --input: queries, float32 or float16.")
    private @Nullable Path q;

    @Option(names = "--k", paramLabel = "k.npy", description = "Instead of --input: keys.")
    private @Nullable Path k;

    @Option(names = "--v", paramLabel = "v.npy", description = "Instead of --input: values.")
    private @Nullable Path v;

    @Option(
            names = "--output",
            paramLabel = "Y.safetensors",
            required = true,
            description = "Where the result is written; may be the input, which it then replaces.")
    private Path output = Path.of("");

    /** Opens what is to be read; the caller closes it. */
    InputFile open(boolean withValues) throws IOException {
        if (input != null) {
            if (!arrays().isEmpty()) {
                throw new BadInputException(
                        "--input and " + arrays().keySet().iterator().next()
                                + " are both given; expected --input, or --q, --k and --v");
            }
            return InputFile.open(input);
        }
        if (arrays().isEmpty()) {
            throw new BadInputException("--input is missing; expected a safetensors file, or --q, --k and --v");
        }
        if (q == null || k == null || (withValues && v == null)) {
            String missing = q == null ? "--q" : k == null ? "--k" : "--v";
            throw new BadInputException(missing + " is missing; expected "
                    + (withValues ? "--q, --k and --v" : "--q and --k") + ", or --input");
        }
        return InputFile.ofArrays(arrays());
    }

    /** The .npy files that are given, by option. */
    private Map<String, Path> arrays() {
        Map<String, Path> arrays = new LinkedHashMap<>();
        putIfGiven(arrays, "--q", q);
        putIfGiven(arrays, "--k", k);
        putIfGiven(arrays, "--v", v);
        return arrays;
    }

    private static void putIfGiven(Map<String, Path> files, String option, @Nullable Path file) {
        if (file != null) {
            files.put(option, file);
        }
    }

    /** The output's path, checked as far as it can be before there is anything to write. */
    Path output() {
        OutputPaths.requireWritable("--output", output);
        arrays().forEach((option, file) -> OutputPaths.requireDifferent("--output", output, option, file));
        return output;
    }

    /** Another file to write may be neither the output nor anything that is read. */
    void requireApart(String option, Path file) {
        OutputPaths.requireDifferent(option, file, "--output", output());
        Map<String, Path> read = arrays();
        putIfGiven(read, "--input", input);
        read.forEach((name, other) -> OutputPaths.requireDifferent(option, file, name, other));
    }
}
