package dev.moba4j.cli.demo;

import dev.moba4j.EngineInfo;
import dev.moba4j.cli.Machine;
import dev.moba4j.cli.Sequences;
import dev.moba4j.cli.Table;
import dev.moba4j.cli.Table.Align;
import dev.moba4j.cli.picture.SelectionMap;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What the demo found, as text and as a picture.
 *
 * @param moba the trial whose needles are looked at one by one
 * @param ownBlock MoBA without a choice: top-k 1
 * @param full attention to every key
 */
record DemoReport(Haystack haystack, Trial moba, Trial ownBlock, Trial full) {

    /** What is about to be tried, and where; ends with a line feed. */
    static String setting(Haystack haystack, EngineInfo engine) {
        return format(
                """
                %,d tokens, %d query heads on %d key-value heads, D = %d, fp32; blocks of %d tokens
                %s: %s %s, %d threads; %s
                """,
                haystack.inputs().q().dim(0),
                Haystack.HEADS,
                Haystack.KV_HEADS,
                Haystack.HEAD_DIM,
                Haystack.BLOCK_SIZE,
                engine.device(),
                engine.backend(),
                engine.target(),
                engine.threads(),
                Machine.java());
    }

    /** What was found; ends with a line feed. */
    String text() {
        return String.join("\n", needles(), trials(), differences());
    }

    private String needles() {
        Table table = new Table(
                        Align.LEFT,
                        Align.RIGHT,
                        Align.RIGHT,
                        Align.RIGHT,
                        Align.LEFT,
                        Align.RIGHT,
                        Align.RIGHT,
                        Align.RIGHT,
                        Align.LEFT)
                .row("needle", "planted", "block", "asked", "head 0 read", "found by", "cosine", "error", "came back");
        for (Needle needle : haystack.needles()) {
            Retrieval found = Retrieval.of(haystack, needle, moba.o());
            table.row(
                    needle.name(),
                    needle.planted() ? format("%,d", needle.token()) : "nowhere",
                    needle.planted() ? format("%d", needle.block(Haystack.BLOCK_SIZE)) : "-",
                    format("%,d", needle.asked()),
                    blocksOfHead0(needle),
                    needle.planted() ? format("%d of %d", finders(needle), Haystack.HEADS) : "-",
                    format("%.4f", found.cosine()),
                    format("%.1e", found.error()),
                    found.cameBack() ? "yes" : needle.planted() ? "NO" : "rightly no");
        }
        return "Needles, " + moba.name() + ": the token asked looks for a value planted at a token long before\n"
                + table;
    }

    private String trials() {
        Table table = new Table(Align.LEFT, Align.RIGHT, Align.RIGHT, Align.RIGHT, Align.RIGHT, Align.RIGHT)
                .row("attention", "time", "routing alone", "keys read", "GFLOP/s", "needles back");
        for (Trial trial : List.of(full, moba, ownBlock)) {
            table.row(
                    trial.name(),
                    format("%,.1f ms", trial.milliseconds()),
                    trial.selection() == null ? "-" : format("%,.1f ms", trial.routeMilliseconds()),
                    format("%.1f %%", 100.0 * trial.pairs() / full.pairs()),
                    format("%.1f", trial.gflops()),
                    format("%d of %d", cameBack(trial), planted().size()));
        }
        return "Time: top-k 1 reads the query's own block alone, so it cannot find anything\n" + table;
    }

    private String differences() {
        Comparison apart = Comparison.of(moba.o(), full.o(), haystack.needles());
        return format(
                """
                speedup of %s over full attention: %.1fx
                largest difference from full attention: %.1e at the needles' queries, %.2f anywhere (mean %.3f)
                """,
                moba.name(),
                full.milliseconds() / moba.milliseconds(),
                apart.largestAtNeedles(),
                apart.largest(),
                apart.mean());
    }

    /** A map of the blocks that were read, with a ring where a query should read its needle's block. */
    byte[] selectionMap() {
        List<SelectionMap.Mark> marks = planted().stream()
                .map(needle -> new SelectionMap.Mark(needle.asked(), needle.block(Haystack.BLOCK_SIZE), needle.name()))
                .toList();
        return SelectionMap.png(
                moba.requireSelection().tensor(), Sequences.of(haystack.inputs()), Haystack.BLOCK_SIZE, marks);
    }

    private List<Needle> planted() {
        return haystack.needles().stream().filter(Needle::planted).toList();
    }

    private long cameBack(Trial trial) {
        return planted().stream()
                .filter(needle -> Retrieval.of(haystack, needle, trial.o()).cameBack())
                .count();
    }

    private String blocksOfHead0(Needle needle) {
        return Arrays.stream(moba.requireSelection().blocks(needle.asked(), 0))
                .mapToObj(Long::toString)
                .collect(Collectors.joining(" "));
    }

    /** Query heads that chose the needle's block. */
    private long finders(Needle needle) {
        return IntStream.range(0, Haystack.HEADS)
                .filter(head ->
                        moba.requireSelection().contains(needle.asked(), head, needle.block(Haystack.BLOCK_SIZE)))
                .count();
    }

    private static String format(String template, Object... values) {
        return String.format(Locale.ROOT, template, values);
    }
}
