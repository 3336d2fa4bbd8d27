package dev.moba4j.cli.bench;

import java.nio.file.Path;

/** A result file as a page. */
final class BenchPage {
    private BenchPage() {}

    static String of(ResultFile result, Path file) {
        return file + "\n" + BenchTable.of(result.measurements());
    }
}
