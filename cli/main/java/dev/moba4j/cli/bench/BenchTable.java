package dev.moba4j.cli.bench;

import dev.moba4j.cli.Table;
import dev.moba4j.cli.Table.Align;
import java.util.List;
import java.util.Locale;

/** Measurements as a table. */
final class BenchTable {
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
        for (Measurement m : measurements) {
            boolean reads = m.bandwidthGbps() > 0;
            table.row(
                    m.caseName(),
                    m.dtype(),
                    Long.toString(m.threads()),
                    m.contender(),
                    format("%.3f", m.milliseconds()),
                    format("%.1f", m.gflops()),
                    format("%.1f", m.peakGflops()),
                    percent(m.shareOfPeak()) + (m.steady() ? "" : " ~"),
                    reads ? format("%.1f", m.readGbps()) : "",
                    reads ? percent(m.shareOfBandwidth()) : "");
        }
        return table;
    }

    /** "85 %". */
    static String percent(double share) {
        return format("%.0f %%", 100 * share);
    }

    static String format(String pattern, Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }
}
