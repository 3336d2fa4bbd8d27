package dev.moba4j.cli.bench;

import dev.moba4j.cli.Table;
import dev.moba4j.cli.Table.Align;
import java.util.List;
import java.util.Locale;

/** Measurements as a table. */
final class BenchTable {
    /** Behind figures of cases without an undisturbed run. */
    static final String DISTURBED = " ~";

    private BenchTable() {}

    /** A row for each measurement. */
    static Table of(List<Measurement> measurements) {
        Table table = new Table(
                        Align.LEFT,
                        Align.LEFT,
                        Align.RIGHT,
                        Align.LEFT,
                        Align.RIGHT,
                        Align.RIGHT,
                        Align.RIGHT,
                        Align.RIGHT,
                        Align.RIGHT,
                        Align.RIGHT)
                .row("case", "dtype", "threads", "by", "ms", "GFLOP/s", "peak", "of peak", "GB/s", "of bandwidth");
        rows(measurements).forEach(cells -> table.row(cells.toArray(String[]::new)));
        return table;
    }

    /** The cells of each row. */
    static List<List<String>> rows(List<Measurement> measurements) {
        return measurements.stream().map(BenchTable::cells).toList();
    }

    private static List<String> cells(Measurement m) {
        boolean reads = m.bandwidthGbps() > 0;
        return List.of(
                m.caseName(),
                m.dtype(),
                Long.toString(m.threads()),
                m.contender(),
                format("%.3f", m.milliseconds()),
                format("%.1f", m.gflops()),
                format("%.1f", m.peakGflops()),
                percent(m.shareOfPeak()) + (m.steady() ? "" : DISTURBED),
                reads ? format("%.1f", m.readGbps()) : "",
                reads ? percent(m.shareOfBandwidth()) : "");
    }

    /** "85 %". */
    static String percent(double share) {
        return format("%.0f %%", 100 * share);
    }

    static String format(String pattern, Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }
}
