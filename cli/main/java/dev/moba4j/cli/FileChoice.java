package dev.moba4j.cli;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** {@code --input} and {@code --output}. */
final class FileChoice {
    @Option(
            names = "--input",
            paramLabel = "X.safetensors",
            required = true,
            description = "Where the tensors are read.")
    private Path input = Path.of("");

    @Option(
            names = "--output",
            paramLabel = "Y.safetensors",
            required = true,
            description = "Where the result is written; may be the input, which it then replaces.")
    private Path output = Path.of("");

    Path input() {
        return input;
    }

    /** The output's path, checked as far as it can be before there is anything to write. */
    Path output() {
        OutputPaths.requireWritable("--output", output);
        return output;
    }
}
