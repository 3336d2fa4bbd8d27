package dev.moba4j.cli.bench;

import dev.moba4j.cli.OutputPaths;
import dev.moba4j.cli.picture.ChartStyle;
import dev.moba4j.cli.picture.LengthChart;
import dev.moba4j.cli.picture.RateChart;
import java.awt.Color;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Measurements as pictures: time over the length of the context, the share of the peak by shape, and contenders side by side; those
 * for which something was measured.
 */
final class BenchPlots {
    private static final int FEWEST_LENGTHS = 2;
    private static final String TIME = "time.png";
    private static final String SHARES = "share-of-peak.png";
    private static final String CONTENDERS = "contenders.png";

    private final List<Measurement> prefill;
    private final SortedSet<String> contenders;

    /** Pictures of these measurements; of fp32 and whole sequences alone. */
    BenchPlots(List<Measurement> measurements) {
        prefill = measurements.stream()
                .filter(m -> m.dtype().equals("F32") && m.direction().equals("forward") && m.queries() == m.tokens())
                .toList();
        contenders = new TreeSet<>(prefill.stream().map(Measurement::contender).toList());
    }

    /** Writes the pictures into {@code folder} and returns their paths. */
    List<Path> write(Path folder) {
        List<Path> written = new ArrayList<>();
        Map<String, List<Measurement>> lines = lines();
        if (!lines.isEmpty()) {
            written.add(write(folder, TIME, time(lines)));
        }
        List<Measurement> byNative =
                prefill.stream().filter(m -> m.contender().equals("native")).toList();
        if (!byNative.isEmpty()) {
            written.add(write(folder, SHARES, shares(byNative)));
        }
        Map<String, List<Measurement>> contests = contests();
        if (!contests.isEmpty()) {
            written.add(write(folder, CONTENDERS, rates(contests)));
        }
        return written;
    }

    /** What a picture that {@link #write} made shows. */
    static String description(Path picture) {
        return switch (picture.getFileName().toString()) {
            case TIME -> "Time of one call over the length of the context";
            case SHARES -> "Share of the multiply-add peak that native code reaches, by shape";
            default -> "Useful arithmetic per second of everyone who took part, by shape";
        };
    }

    private static Path write(Path folder, String name, byte[] png) {
        OutputPaths.write(folder.resolve(name), png);
        return folder.resolve(name);
    }

    /** One head, causal, D = 128, the fewest threads, by attention and contender; several lengths each. */
    private Map<String, List<Measurement>> lines() {
        long threads = prefill.stream().mapToLong(Measurement::threads).min().orElse(1);
        Map<String, List<Measurement>> lines = prefill.stream()
                .filter(m -> m.heads() == 1 && m.headDim() == 128 && m.causal() && m.threads() == threads)
                .sorted(Comparator.comparingLong(Measurement::tokens))
                .collect(Collectors.groupingBy(
                        m -> attention(m) + ", " + m.contender(), LinkedHashMap::new, Collectors.toList()));
        lines.values().removeIf(line -> line.size() < FEWEST_LENGTHS);
        return lines;
    }

    private static String attention(Measurement m) {
        return m.blockSize() == 0 ? "dense" : BenchTable.format("MoBA B%d k%d", m.blockSize(), m.topK());
    }

    private byte[] time(Map<String, List<Measurement>> lines) {
        LengthChart chart = new LengthChart("Time of one attention call, one head, D = 128, fp32");
        lines.forEach((name, line) -> chart.line(
                name,
                line.stream().mapToDouble(Measurement::tokens).toArray(),
                line.stream().mapToDouble(m -> m.milliseconds() / 1e3).toArray(),
                color(line.getFirst().contender()),
                marker(line.getFirst())));
        return chart.png();
    }

    private static Marker marker(Measurement m) {
        if (m.blockSize() == 0) {
            return SeriesMarkers.SQUARE;
        }
        return m.blockSize() < 512 ? SeriesMarkers.DIAMOND : SeriesMarkers.CIRCLE;
    }

    private static byte[] shares(List<Measurement> measurements) {
        List<Double> shares = new ArrayList<>();
        for (Measurement m : measurements) {
            shares.add(100 * m.shareOfPeak());
        }
        return new RateChart(
                        "Native code: share of the multiply-add peak",
                        "percent of peak",
                        measurements.stream().map(BenchPlots::label).toList(),
                        1)
                .bars("native", shares, ChartStyle.CHOSEN)
                .png();
    }

    private static String label(Measurement m) {
        return m.caseName() + (m.threads() > 1 ? BenchTable.format(", %d threads", m.threads()) : "");
    }

    private Map<String, List<Measurement>> contests() {
        Map<String, List<Measurement>> contests = prefill.stream()
                .collect(Collectors.groupingBy(BenchPlots::label, LinkedHashMap::new, Collectors.toList()));
        contests.values().removeIf(contest -> contest.size() < 2);
        return contests;
    }

    private byte[] rates(Map<String, List<Measurement>> contests) {
        List<String> racers = contests.values().stream()
                .flatMap(List::stream)
                .map(Measurement::contender)
                .distinct()
                .toList();
        RateChart chart =
                new RateChart("Useful arithmetic per second", "GFLOP/s", List.copyOf(contests.keySet()), racers.size());
        for (String contender : racers) {
            List<Double> rates = new ArrayList<>();
            for (List<Measurement> contest : contests.values()) {
                rates.add(contest.stream()
                        .filter(m -> m.contender().equals(contender))
                        .map(Measurement::gflops)
                        .findFirst()
                        .orElse(null));
            }
            chart.bars(contender, rates, color(contender));
        }
        return chart.png();
    }

    private Color color(String contender) {
        return switch (contender) {
            case "native" -> ChartStyle.CHOSEN;
            case "vector" -> ChartStyle.JAVA;
            case "scalar" -> ChartStyle.GUIDE;
            case "pytorch" -> ChartStyle.FULL;
            default -> ChartStyle.other(contenders.headSet(contender).size());
        };
    }
}
