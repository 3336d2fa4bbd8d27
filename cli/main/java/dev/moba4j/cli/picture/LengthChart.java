package dev.moba4j.cli.picture;

import java.awt.Color;
import java.util.DoubleSummaryStatistics;
import java.util.Locale;
import java.util.stream.DoubleStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** A picture of seconds over the length of the context, both logarithmic, with lines of linear and quadratic growth. */
public final class LengthChart {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 620;
    private static final int MARKER = 10;
    private static final double MARGIN_OCTAVES = 0.15;
    private static final double BELOW = 0.6;
    private static final int PIXELS_BETWEEN_LABELS = 200;

    private final XYChart chart;
    private final DoubleSummaryStatistics octaves = new DoubleSummaryStatistics();
    private final DoubleSummaryStatistics times = new DoubleSummaryStatistics();

    /** An empty chart. */
    public LengthChart(String title) {
        chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle("tokens")
                .yAxisTitle("seconds")
                .build();
        ChartStyle.apply(chart.getStyler());
        chart.getStyler().setYAxisLogarithmic(true);
        chart.getStyler().setMarkerSize(MARKER);
        // The library labels decades only on a logarithmic axis; lengths double.
        chart.getStyler()
                .setXAxisTickLabelsFormattingFunction(LengthChart::tokens)
                .setXAxisTickMarkSpacingHint(PIXELS_BETWEEN_LABELS);
    }

    /** Adds what was measured. */
    public LengthChart line(String name, double[] tokens, double[] seconds, Color color, Marker marker) {
        XYSeries series = chart.addSeries(name, octaves(tokens), seconds);
        series.setMarkerColor(color);
        series.setMarker(marker);
        series.setLineColor(color);
        series.setLineStyle(SeriesLines.SOLID);
        DoubleStream.of(seconds).forEach(times::accept);
        return this;
    }

    /** Adds what growth by a power of the length looks like, a little below one measured point. */
    public LengthChart guide(String name, double[] tokens, double throughTokens, double throughSeconds, int power) {
        double[] line = DoubleStream.of(tokens)
                .map(length -> BELOW * throughSeconds * Math.pow(length / throughTokens, power))
                .toArray();
        XYSeries series = chart.addSeries(name, octaves(tokens), line);
        series.setMarker(SeriesMarkers.NONE);
        series.setLineColor(ChartStyle.GUIDE);
        series.setLineStyle(power == 1 ? SeriesLines.DASH_DASH : SeriesLines.DOT_DOT);
        return this;
    }

    /** Draws the chart: a PNG file's bytes. */
    public byte[] png() {
        ChartStyle.showLegend(
                chart.getStyler(),
                LegendPosition.InsideNW,
                chart.getSeriesCollection().size());
        chart.getStyler().setXAxisMin(octaves.getMin() - MARGIN_OCTAVES).setXAxisMax(octaves.getMax() + MARGIN_OCTAVES);
        // Whole decades, so that there are labels at both ends.
        chart.getStyler()
                .setYAxisMin(Math.pow(10, Math.floor(Math.log10(BELOW * times.getMin()))))
                .setYAxisMax(Math.pow(10, Math.ceil(Math.log10(times.getMax()))));
        return Png.of(chart);
    }

    private double[] octaves(double[] tokens) {
        double[] lengths = DoubleStream.of(tokens)
                .map(length -> Math.log(length) / Math.log(2))
                .toArray();
        DoubleStream.of(lengths).forEach(octaves::accept);
        return lengths;
    }

    private static String tokens(double octaves) {
        return String.format(Locale.ROOT, "%,d", Math.round(Math.pow(2, octaves)));
    }
}
