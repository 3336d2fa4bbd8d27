package dev.moba4j.cli.picture;

import java.awt.Color;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;

/** A picture of rates on several shapes: bars, one colour for each who was measured. */
public final class RateChart {
    private static final int WIDTH = 900;
    private static final int WIDTH_OF_A_BAR = 34;
    private static final int HEIGHT = 560;
    private static final int MOST_LEVEL_LABELS = 3;
    private static final int SLOPE = 40;
    private static final double BAR_SHARE = 0.7;
    private static final double ABOVE_BAR = 1.05;
    private static final double HEADROOM = 1.15;

    private final CategoryChart chart;
    private final List<String> shapes;
    private double highest;

    /**
     * An empty chart.
     *
     * @param shapes what stands below the bars
     * @param series how many will be added
     */
    public RateChart(String title, String unit, List<String> shapes, int series) {
        this.shapes = shapes;
        chart = new CategoryChartBuilder()
                .width(Math.max(WIDTH, WIDTH_OF_A_BAR * shapes.size() * series))
                .height(HEIGHT)
                .title(title)
                .yAxisTitle(unit)
                .build();
        ChartStyle.apply(chart.getStyler());
        ChartStyle.showLegend(chart.getStyler(), LegendPosition.OutsideS);
        chart.getStyler()
                .setLabelsVisible(true)
                .setLabelsPosition(ABOVE_BAR)
                .setLabelsFont(ChartStyle.TEXT)
                .setLabelsFontColorAutomaticEnabled(false)
                .setAvailableSpaceFill(BAR_SHARE)
                .setYAxisDecimalPattern("#,##0")
                .setYAxisMin(0.0);
        if (shapes.size() > MOST_LEVEL_LABELS) {
            chart.getStyler().setXAxisLabelRotation(SLOPE);
        }
    }

    /**
     * Adds bars.
     *
     * @param rates one for each shape, rounded to whole numbers; null for none
     */
    public RateChart bars(String name, List<@Nullable Double> rates, Color color) {
        List<@Nullable Double> whole = rates.stream()
                .map(rate -> rate == null ? null : Math.rint(rate))
                .toList();
        chart.addSeries(name, shapes, whole).setFillColor(color);
        for (Double rate : rates) {
            highest = Math.max(highest, rate == null ? 0 : rate);
        }
        return this;
    }

    /** Draws the chart: a PNG file's bytes. */
    public byte[] png() {
        chart.getStyler().setYAxisMax(highest * HEADROOM);
        return Png.of(chart);
    }
}
