package dev.moba4j.cli.demo;

import dev.moba4j.EngineInfo;
import dev.moba4j.cli.Machine;
import dev.moba4j.cli.Sequences;
import dev.moba4j.cli.Table;
import dev.moba4j.cli.Table.Align;
import dev.moba4j.cli.picture.SelectionMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What the demo found, as tables and as the pictures that belong to single results.
 *
 * @param engine that of all trials but those of {@link Step#java}
 * @param steps the last over the whole haystack
 * @param ownBlock MoBA without a choice over the whole haystack: top-k 1
 */
record DemoReport(Haystack haystack, EngineInfo engine, List<Step> steps, Trial ownBlock) {
    private static final double MEBI = 1 << 20;

    /** What is about to be tried, and where; two lines. */
    static String setting(Haystack haystack, EngineInfo engine) {
        return format(
                """
                %,d tokens, %d query heads on %d key-value heads, D = %d, fp32; blocks of %d tokens
                %s: %s %s, %d threads; %s
                """,
                haystack.tokens(),
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

    /** Which blocks the needles' queries read, and what came back. */
    Table needles() {
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
            Retrieval found = Retrieval.of(haystack, needle, moba().o());
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
        return table;
    }

    /** What each way of attending read and returned, over the whole haystack. */
    Table ways() {
        Table table = new Table(Align.LEFT, Align.RIGHT, Align.RIGHT, Align.RIGHT, Align.RIGHT, Align.RIGHT)
                .row("attention", "time", "routing alone", "keys read", "GFLOP/s", "needles back");
        addWay(table, "full attention", longest().full());
        addWay(table, "MoBA, top-k " + DemoCommand.TOP_K, moba());
        addWay(table, "MoBA, top-k 1", ownBlock);
        return table;
    }

    private void addWay(Table table, String name, @Nullable Trial trial) {
        if (trial == null) {
            table.row(name, "not run", "-", "100.0 %", "-", "-");
            return;
        }
        table.row(
                name,
                time(trial),
                trial.selection() == null ? "-" : format("%,.1f ms", trial.routeMilliseconds()),
                format("%.1f %%", 100.0 * trial.pairs() / allPairs()),
                format("%.1f", trial.gflops()),
                format("%d of %d", cameBack(trial), planted().size()));
    }

    /** Time of each contestant over growing lengths. */
    Table times() {
        List<String> heading = cells("tokens", "full attention", mobaName(), "times faster");
        Table table = table(heading, cells("MoBA, vector", "speed of native"));
        for (Step step : steps) {
            Trial full = step.full();
            Trial java = step.java();
            addRow(
                    table,
                    cells(
                            format("%,d", step.tokens()),
                            full == null ? "not run" : time(full),
                            time(step.moba()),
                            full == null
                                    ? "-"
                                    : format(
                                            "%.1f",
                                            full.milliseconds() / step.moba().milliseconds())),
                    java == null
                            ? cells()
                            : cells(
                                    time(java),
                                    format("%.0f %%", 100 * step.moba().milliseconds() / java.milliseconds())));
        }
        return table;
    }

    /** Memory that each contestant needs beside inputs and output. */
    Table memory() {
        List<String> heading = cells("tokens", "q, k, v and o", "a matrix of scores", "full attention", mobaName());
        Table table = table(heading, cells("MoBA, vector"));
        for (Step step : steps) {
            addRow(
                    table,
                    cells(
                            format("%,d", step.tokens()),
                            mebibytes(step.tokens()
                                    * (2.0 * Haystack.HEADS + 2 * Haystack.KV_HEADS)
                                    * Haystack.HEAD_DIM
                                    * Float.BYTES),
                            mebibytes((double) step.tokens() * step.tokens() * Haystack.HEADS * Float.BYTES),
                            step.full() == null
                                    ? "not run"
                                    : mebibytes(step.full().workspaceBytes()),
                            mebibytes(step.moba().workspaceBytes())),
                    step.java() == null ? cells() : cells(mebibytes(step.java().workspaceBytes())));
        }
        return table;
    }

    /** How far the outputs are apart. */
    Table differences() {
        List<String> heading = cells("tokens", "MoBA from full: at the needles", "largest anywhere", "mean");
        Table table = table(heading, cells("MoBA vector from native: largest"));
        for (Step step : steps) {
            Comparison full = step.fromFull();
            Comparison java = step.javaFromMoba();
            addRow(
                    table,
                    cells(
                            format("%,d", step.tokens()),
                            full == null || Double.isNaN(full.largestAtNeedles())
                                    ? "-"
                                    : format("%.1e", full.largestAtNeedles()),
                            full == null ? "-" : format("%.2f", full.largest()),
                            full == null ? "-" : format("%.3f", full.mean())),
                    java == null ? cells() : cells(format("%.1e", java.largest())));
        }
        return table;
    }

    private static List<String> cells(String... cells) {
        return List.of(cells);
    }

    /** A table of numbers; the columns about the backend vector only where it took part. */
    private Table table(List<String> heading, List<String> headingOfJava) {
        List<String> all = new ArrayList<>(heading);
        if (longest().java() != null) {
            all.addAll(headingOfJava);
        }
        Align[] columns = new Align[all.size()];
        Arrays.fill(columns, Align.RIGHT);
        return new Table(columns).row(all.toArray(String[]::new));
    }

    private static void addRow(Table table, List<String> cells, List<String> cellsOfJava) {
        List<String> all = new ArrayList<>(cells);
        all.addAll(cellsOfJava);
        table.row(all.toArray(String[]::new));
    }

    /** The longest context that both ways of attending did. */
    Step longestWithFull() {
        return steps.stream().filter(step -> step.full() != null).toList().getLast();
    }

    /** How many times faster MoBA is there. */
    double speedup() {
        Step step = longestWithFull();
        return step.full().milliseconds() / step.moba().milliseconds();
    }

    /** A map of the blocks that head 0 read, with a ring where a query should read its needle's block: a PNG file's bytes. */
    byte[] selectionMap() {
        List<SelectionMap.Mark> marks = planted().stream()
                .map(needle -> new SelectionMap.Mark(needle.asked(), needle.block(Haystack.BLOCK_SIZE), needle.name()))
                .toList();
        return SelectionMap.png(
                moba().requireSelection().tensor(), 0, Sequences.of(haystack.inputs()), Haystack.BLOCK_SIZE, marks);
    }

    /** Share of all visible keys that MoBA read over the whole haystack. */
    double shareRead() {
        return (double) moba().pairs() / allPairs();
    }

    /** Needles whose value MoBA brought back. */
    long needlesBack() {
        return cameBack(moba());
    }

    List<Needle> planted() {
        return haystack.needles().stream().filter(Needle::planted).toList();
    }

    private Step longest() {
        return steps.getLast();
    }

    private Trial moba() {
        return longest().moba();
    }

    private String mobaName() {
        return "MoBA, " + engine.backend();
    }

    private long allPairs() {
        return (long) haystack.tokens() * (haystack.tokens() + 1L) / 2 * Haystack.HEADS;
    }

    private long cameBack(Trial trial) {
        return planted().stream()
                .filter(needle -> Retrieval.of(haystack, needle, trial.o()).cameBack())
                .count();
    }

    private String blocksOfHead0(Needle needle) {
        return Arrays.stream(moba().requireSelection().blocks(needle.asked(), 0))
                .mapToObj(Long::toString)
                .collect(Collectors.joining(" "));
    }

    /** Query heads that chose the needle's block. */
    private long finders(Needle needle) {
        return IntStream.range(0, Haystack.HEADS)
                .filter(head ->
                        moba().requireSelection().contains(needle.asked(), head, needle.block(Haystack.BLOCK_SIZE)))
                .count();
    }

    private static String time(Trial trial) {
        return format("%,.1f ms", trial.milliseconds());
    }

    private static String mebibytes(double bytes) {
        return format("%,.1f MiB", bytes / MEBI);
    }

    private static String format(String template, Object... values) {
        return String.format(Locale.ROOT, template, values);
    }
}
