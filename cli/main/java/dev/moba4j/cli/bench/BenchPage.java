package dev.moba4j.cli.bench;

import java.nio.file.Path;
import java.util.List;

/** A result file as a page in Markdown: docs/benchmarks.md is one. */
final class BenchPage {
    private BenchPage() {}

    /**
     * The page.
     *
     * @param file where the result lies, for the line that says how the page was made
     * @param pictures in a folder beside the page
     */
    static String of(ResultFile result, Path file, List<Path> pictures) {
        Setting setting = result.setting();
        StringBuilder page = new StringBuilder(BenchTable.format(
                """
                # Benchmarks

                Made by `./moba bench --report %1$s%9$s` from what was measured by

                ```
                %2$s
                ```

                %3$s, %4$s, %5$d processors (%6$s); %7$s; %8$d-bit vectors.

                | by | version |
                |---|---|
                """,
                file,
                setting.command(),
                setting.date(),
                setting.processor(),
                setting.processors(),
                setting.features(),
                setting.java(),
                setting.vectorBits(),
                pictures.isEmpty() ? "" : " --plot " + pictures.getFirst().getParent()));
        result.versions().forEach(version -> row(page, version.contender(), version.version()));
        page.append(
                """

                One process measures everything. In each case the contenders run in turns, with the multiply-add peak of as many
                threads (a loop that does nothing else) measured before and after each run. In steps of decoding so many threads also read
                the same keys and values between the runs, and nothing else: that is the read bandwidth. Before it and after it they read
                other memory, which leaves no keys and values in the caches. The best run beside an undisturbed peak counts, of all rounds;
                ~ marks cases without one. Before anything is timed, each result is compared with that of native code. GFLOP/s count what
                cannot be left out: 2 (D + Dv) for each query and key it may see in a chosen block, 2 D for each routing score where
                routing alone is timed; routing is in the time of MoBA, and not in its GFLOP/s. GB/s
                in decoding are keys and values that must be read, with all keys once more for the centroids of MoBA.

                A case is named by its attention, length, blocks and heads: moba_32k_b512_k3 is MoBA of 32,768 tokens, blocks of 512, top-k 3;
                dense is causal attention to all keys, full that without a mask, route the choice of blocks alone, decode one query after all
                keys, gqa8 eight query heads on each key-value head, and 32heads so many query heads in all, those of a token side by
                side. Otherwise there is one key-value head, D = 128, and a causal mask.

                ## Targets

                Native code; one thread and F32 where nothing else is said.

                | case | target | measured | |
                |---|---|---|---|
                """);
        for (Target target : Targets.of(result)) {
            row(page, target.what(), target.required(), target.measured(), target.verdict());
        }
        for (Path picture : pictures) {
            Path link = Path.of(
                    picture.getParent().getFileName().toString(),
                    picture.getFileName().toString());
            page.append(BenchTable.format("%n![%s](%s)%n", BenchPlots.description(picture), link));
        }
        page.append(
                """

                ## All measurements

                | case | dtype | threads | by | ms | GFLOP/s | peak | of peak | GB/s | of bandwidth |
                |---|---|---:|---|---:|---:|---:|---:|---:|---:|
                """);
        for (List<String> cells : BenchTable.rows(result.measurements())) {
            row(page, cells.toArray(String[]::new));
        }
        return page.toString();
    }

    private static void row(StringBuilder page, String... cells) {
        page.append("| ").append(String.join(" | ", cells)).append(" |\n");
    }
}
