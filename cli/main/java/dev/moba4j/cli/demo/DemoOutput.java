package dev.moba4j.cli.demo;

import dev.moba4j.cli.OutputPaths;
import dev.moba4j.cli.Table;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The demo's report on the terminal, as pictures, and as a page that holds it all. */
final class DemoOutput {
    private static final String NEEDLES =
            "Each token asked looks for a value that a single token holds, planted long before in one block among many; the"
                    + " last looks for a value that is nowhere. A needle came back if what every head read points where the"
                    + " planted value does (cosine of 0.99 or more).";
    private static final String MAP =
            "Head 0: each column is a query, each row a key block, and blue is read: the diagonal is the query's own block, the rest"
                    + " was chosen because the mean of its keys resembles the query. Rings mark where a needle's query should"
                    + " find its needle.";
    private static final String WAYS =
            "MoBA reads a small share of the keys and still returns every needle. With top-k 1 a query reads its own block"
                    + " alone, so nothing can come back: it is the choice of blocks that finds the needles.";
    private static final String GROWTH =
            "Full attention follows the quadratic line: twice the context takes four times as long. MoBA reads as many blocks"
                    + " for a query wherever it stands, so its time follows the linear line, up to what scoring all block"
                    + " means adds.";
    private static final String MEMORY =
            "Scratch memory of one call, beside the tensors themselves, which Java and native code share without a copy. No"
                    + " score matrix exists at any time; its size is what attention written out in matrices would take.";
    private static final String DIFFERENCES =
            "Where the needles are asked for, MoBA and full attention agree closely; elsewhere full attention averages over"
                    + " thousands of unrelated keys that MoBA leaves out, and the outputs differ by design. Native code and"
                    + " Java compute the same selection and differ by rounding alone.";
    private static final String BACKENDS =
            "The same attention by C++ (Highway) and by pure Java (Vector API), with the same number of threads, routing"
                    + " included in the time. Only the arithmetic that attention cannot do without is counted.";

    private final DemoReport report;
    private final String javaAbsence;
    private final Table needles;
    private final Table ways;
    private final Table times;
    private final Table memory;
    private final Table differences;

    /**
     * Output of a report.
     *
     * @param javaAbsence why Java did not take part; empty if it did
     */
    DemoOutput(DemoReport report, String javaAbsence) {
        this.report = report;
        this.javaAbsence = javaAbsence;
        needles = report.needles();
        ways = report.ways();
        times = report.times();
        memory = report.memory();
        differences = report.differences();
    }

    /** Prints tables and the short of it. */
    void print(PrintStream out) {
        out.printf(
                "Needles, MoBA, top-k %d: the token asked looks for a value planted long before%n%s%n",
                DemoCommand.TOP_K, needles);
        out.printf("Top-k 1 reads the query's own block alone, so it cannot find anything%n%s%n", ways);
        out.printf("Time of one call over growing contexts, routing included%n%s%n", times);
        out.printf("Memory beside the tensors%n%s%n", memory);
        out.printf("How far the outputs are apart%n%s%n", differences);
        out.println(summary());
        if (!javaAbsence.isEmpty()) {
            out.println(javaAbsence);
        }
    }

    private String summary() {
        return String.format(
                Locale.ROOT,
                "MoBA brought back %d of %d needles and read %.1f %% of the keys; on %,d tokens it was %.1f times as fast as"
                        + " full attention.",
                report.needlesBack(),
                report.planted().size(),
                100 * report.shareRead(),
                report.longestWithFull().tokens(),
                report.speedup());
    }

    /** Writes pictures and page into a folder, and says where the page is. */
    void write(Path folder, PrintStream out) {
        byte[] map = report.selectionMap();
        byte[] growth = GrowthChart.png(report.steps(), report.engine().backend());
        byte @Nullable [] backends = javaAbsence.isEmpty() ? BackendChart.png(report.steps()) : null;
        DemoPage page = new DemoPage(
                        "Needles in a long context", DemoReport.setting(report.haystack(), report.engine()), summary())
                .section("Needles", NEEDLES)
                .table(needles)
                .section("Which blocks were read", MAP)
                .picture(map, "map of the key blocks that the queries of head 0 read")
                .section("What it costs", WAYS)
                .table(ways)
                .section("Growing contexts", GROWTH)
                .picture(growth, "time of one call over the number of tokens, both axes logarithmic")
                .table(times)
                .section("Memory", MEMORY)
                .table(memory)
                .section("Differences", DIFFERENCES)
                .table(differences);
        OutputPaths.write(folder.resolve("selection-map.png"), map);
        OutputPaths.write(folder.resolve("time.png"), growth);
        if (backends == null) {
            page.section("Native code and Java", javaAbsence);
        } else {
            page.section("Native code and Java", BACKENDS)
                    .picture(backends, "bars of GFLOP/s by native code and by Java on the same shapes");
            OutputPaths.write(folder.resolve("native-and-java.png"), backends);
        }
        Path file = folder.resolve("index.html");
        OutputPaths.write(file, page.bytes());
        out.println("page with pictures: " + file);
    }
}
