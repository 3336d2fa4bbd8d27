package dev.moba4j.cli.demo;

import dev.moba4j.cli.picture.ChartStyle;
import dev.moba4j.cli.picture.Png;
import java.awt.Color;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** A picture of time over the length of the context, both logarithmic, with a linear and a quadratic line to compare. */
final class GrowthChart {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 620;
    private static final int MARKER = 10;
    private static final double MARGIN_OCTAVES = 0.15;
    private static final double BELOW = 0.6;
    private static final int PIXELS_BETWEEN_LABELS = 200;

    private GrowthChart() {}

    /**
     * Draws the chart.
     *
     * @param backend that of MoBA and full attention
     * @return a PNG file's bytes
     */
    static byte[] png(List<Step> steps, String backend) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title("Time of one attention call over the length of the context")
                .xAxisTitle("tokens")
                .yAxisTitle("seconds")
                .build();
        ChartStyle.apply(chart.getStyler());
        ChartStyle.showLegend(chart.getStyler(), LegendPosition.InsideNW);
        chart.getStyler().setYAxisLogarithmic(true);
        chart.getStyler().setMarkerSize(MARKER);
        // The library labels decades only on a logarithmic axis; lengths double.
        chart.getStyler()
                .setXAxisTickLabelsFormattingFunction(GrowthChart::tokens)
                .setXAxisTickMarkSpacingHint(PIXELS_BETWEEN_LABELS);
        chart.getStyler()
                .setXAxisMin(octaves(steps.getFirst()) - MARGIN_OCTAVES)
                .setXAxisMax(octaves(steps.getLast()) + MARGIN_OCTAVES);
        // Whole decades, so that there are labels at both ends.
        chart.getStyler()
                .setYAxisMin(
                        Math.pow(10, Math.floor(Math.log10(BELOW * times(steps).getMin()))))
                .setYAxisMax(Math.pow(10, Math.ceil(Math.log10(times(steps).getMax()))));
        List<Step> withFull = steps.stream().filter(step -> step.full() != null).toList();
        guide(
                chart,
                steps,
                "quadratic",
                withFull.getLast(),
                seconds(withFull.getLast().full()),
                2);
        guide(chart, steps, "linear", steps.getLast(), seconds(steps.getLast().moba()), 1);
        line(
                chart,
                withFull,
                "full attention, " + backend,
                step -> seconds(step.full()),
                ChartStyle.FULL,
                SeriesMarkers.SQUARE);
        if (steps.getFirst().java() != null) {
            line(
                    chart,
                    steps,
                    "MoBA, vector (Java)",
                    step -> seconds(step.java()),
                    ChartStyle.JAVA,
                    SeriesMarkers.DIAMOND);
        }
        line(chart, steps, "MoBA, " + backend, step -> seconds(step.moba()), ChartStyle.CHOSEN, SeriesMarkers.CIRCLE);
        return Png.of(chart);
    }

    private static void line(
            XYChart chart, List<Step> steps, String name, ToDoubleFunction<Step> seconds, Color color, Marker marker) {
        double[] values = steps.stream().mapToDouble(seconds).toArray();
        XYSeries series = chart.addSeries(name, lengths(steps), values);
        series.setMarkerColor(color);
        series.setMarker(marker);
        series.setLineColor(color);
        series.setLineStyle(SeriesLines.SOLID);
    }

    /** What growth by a power of the length looks like, a little below one measured point. */
    private static void guide(XYChart chart, List<Step> steps, String name, Step through, double seconds, int power) {
        double[] line = steps.stream()
                .mapToDouble(step -> BELOW * seconds * Math.pow((double) step.tokens() / through.tokens(), power))
                .toArray();
        XYSeries series = chart.addSeries(name + " growth", lengths(steps), line);
        series.setMarker(SeriesMarkers.NONE);
        series.setLineColor(ChartStyle.GUIDE);
        series.setLineStyle(power == 1 ? SeriesLines.DASH_DASH : SeriesLines.DOT_DOT);
    }

    private static double[] lengths(List<Step> steps) {
        return steps.stream().mapToDouble(GrowthChart::octaves).toArray();
    }

    private static double octaves(Step step) {
        return Math.log(step.tokens()) / Math.log(2);
    }

    private static String tokens(double octaves) {
        return String.format(Locale.ROOT, "%,d", Math.round(Math.pow(2, octaves)));
    }

    private static DoubleSummaryStatistics times(List<Step> steps) {
        return steps.stream()
                .flatMap(step -> Stream.of(step.moba(), step.java(), step.full()))
                .filter(Objects::nonNull)
                .mapToDouble(GrowthChart::seconds)
                .summaryStatistics();
    }

    private static double seconds(Trial trial) {
        return trial.milliseconds() / 1e3;
    }
}
