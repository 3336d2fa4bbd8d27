package dev.moba4j.cli.demo;

import dev.moba4j.cli.picture.ChartStyle;
import dev.moba4j.cli.picture.Png;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;

/** A picture of what native code and Java on the Vector API compute in a second, on the same shapes. */
final class BackendChart {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 560;
    private static final double BAR_SHARE = 0.7;
    private static final double ABOVE_BAR = 1.05;

    private final List<String> shapes = new ArrayList<>();
    private final List<Double> byNative = new ArrayList<>();
    private final List<Double> byJava = new ArrayList<>();

    private BackendChart() {}

    /** Draws the longest full attention that both did, and MoBA on that length and the longest: a PNG file's bytes. */
    static byte[] png(List<Step> steps) {
        BackendChart bars = new BackendChart();
        Step both = steps.stream()
                .filter(step -> step.full() != null && step.javaFull() != null)
                .toList()
                .getLast();
        bars.add("full attention", both, Step::full, Step::javaFull);
        bars.add("MoBA", both, Step::moba, Step::java);
        if (steps.getLast() != both) {
            bars.add("MoBA", steps.getLast(), Step::moba, Step::java);
        }
        return Png.of(bars.chart());
    }

    private void add(
            String attention,
            Step step,
            Function<Step, @Nullable Trial> nativeTrial,
            Function<Step, @Nullable Trial> javaTrial) {
        shapes.add(String.format(Locale.ROOT, "%s, %,d tokens", attention, step.tokens()));
        byNative.add(wholeGflops(nativeTrial.apply(step)));
        byJava.add(wholeGflops(javaTrial.apply(step)));
    }

    private static double wholeGflops(Trial trial) {
        return Math.rint(trial.gflops());
    }

    private CategoryChart chart() {
        CategoryChart chart = new CategoryChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title("Useful arithmetic per second: native code and Java")
                .yAxisTitle("GFLOP/s")
                .build();
        ChartStyle.apply(chart.getStyler());
        ChartStyle.showLegend(chart.getStyler(), LegendPosition.OutsideS);
        double highest =
                byNative.stream().mapToDouble(Double::doubleValue).max().orElse(1);
        chart.getStyler()
                .setLabelsVisible(true)
                .setLabelsPosition(ABOVE_BAR)
                .setLabelsFont(ChartStyle.TEXT)
                .setLabelsFontColorAutomaticEnabled(false)
                .setAvailableSpaceFill(BAR_SHARE)
                .setYAxisDecimalPattern("#,##0")
                .setYAxisMin(0.0)
                .setYAxisMax(highest * 1.15);
        chart.addSeries("native (C++)", shapes, byNative).setFillColor(ChartStyle.CHOSEN);
        chart.addSeries("vector (Java)", shapes, byJava).setFillColor(ChartStyle.JAVA);
        return chart;
    }
}
