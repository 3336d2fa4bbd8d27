package dev.moba4j.cli.picture;

import java.awt.Color;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.HorizontalBarChart;
import org.knowm.xchart.HorizontalBarChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;

/** A picture of rates on several shapes: bars to the right, one colour for each who was measured. */
public final class RateChart {
    private static final int WIDTH = 900;
    private static final int FRAME = 160;
    private static final int HEIGHT_OF_A_BAR = 22;
    private static final int BETWEEN_SHAPES = 14;
    private static final double BAR_SHARE = 0.8;
    private static final double BESIDE_BAR = 1.04;
    private static final double HEADROOM = 1.1;
    private static final int MOST_TICKS = 12;

    private final HorizontalBarChart chart;
    private final List<String> shapes;
    private double highest;

    /**
     * An empty chart.
     *
     * @param shapes what stands beside the bars, the first at the top
     * @param series how many will be added
     */
    public RateChart(String title, String unit, List<String> shapes, int series) {
        this.shapes = shapes;
        chart = new HorizontalBarChartBuilder()
                .width(WIDTH)
                .height(FRAME + shapes.size() * (HEIGHT_OF_A_BAR * series + BETWEEN_SHAPES))
                .title(title)
                .xAxisTitle(unit)
                .build();
        ChartStyle.apply(chart.getStyler());
        if (series > 1) {
            ChartStyle.showLegend(chart.getStyler(), LegendPosition.OutsideS, series);
        }
        chart.getStyler()
                .setLabelsVisible(true)
                .setLabelsPosition(BESIDE_BAR)
                .setLabelsFont(ChartStyle.TEXT)
                .setLabelsFontColorAutomaticEnabled(false)
                .setAvailableSpaceFill(BAR_SHARE)
                // Of either axis: every shape has its name. 1 is refused.
                .setXAxisMaxLabelCount(Math.max(MOST_TICKS, shapes.size()))
                .setXAxisDecimalPattern("#,##0")
                .setXAxisMin(0.0);
    }

    /**
     * Adds bars.
     *
     * @param rates one for each shape, rounded to whole numbers; null for none
     */
    public RateChart bars(String name, List<@Nullable Double> rates, Color color) {
        List<Double> whole = rates.stream()
                .map(rate -> rate == null ? Double.NaN : Math.rint(rate))
                .toList();
        chart.addSeries(name, whole, shapes).setFillColor(color);
        for (Double rate : rates) {
            highest = Math.max(highest, rate == null ? 0 : rate);
        }
        return this;
    }

    /** Draws the chart: a PNG file's bytes. */
    public byte[] png() {
        chart.getStyler().setXAxisMax(highest * HEADROOM);
        return Png.of(chart);
    }
}
