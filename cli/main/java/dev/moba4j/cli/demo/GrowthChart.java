package dev.moba4j.cli.demo;

import dev.moba4j.cli.picture.ChartStyle;
import dev.moba4j.cli.picture.LengthChart;
import java.awt.Color;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** A picture of time over the length of the context, with a linear and a quadratic line to compare. */
final class GrowthChart {
    private GrowthChart() {}

    /**
     * Draws the chart.
     *
     * @param backend that of MoBA and full attention
     * @return a PNG file's bytes
     */
    static byte[] png(List<Step> steps, String backend) {
        LengthChart chart = new LengthChart("Time of one attention call over the length of the context");
        Step full = steps.stream().filter(step -> step.full() != null).toList().getLast();
        guide(chart, steps, "quadratic growth", full, full.full(), 2);
        guide(chart, steps, "linear growth", steps.getLast(), steps.getLast().moba(), 1);
        line(chart, steps, "full attention, " + backend, Step::full, ChartStyle.FULL, SeriesMarkers.SQUARE);
        if (steps.getFirst().java() != null) {
            line(chart, steps, "MoBA, vector (Java)", Step::java, ChartStyle.JAVA, SeriesMarkers.DIAMOND);
        }
        line(chart, steps, "MoBA, " + backend, Step::moba, ChartStyle.CHOSEN, SeriesMarkers.CIRCLE);
        return chart.png();
    }

    private static void line(
            LengthChart chart,
            List<Step> steps,
            String name,
            Function<Step, @Nullable Trial> trial,
            Color color,
            Marker marker) {
        List<Step> tried =
                steps.stream().filter(step -> trial.apply(step) != null).toList();
        double[] seconds =
                tried.stream().mapToDouble(step -> seconds(trial.apply(step))).toArray();
        chart.line(name, lengths(tried), seconds, color, marker);
    }

    private static void guide(LengthChart chart, List<Step> steps, String name, Step through, Trial trial, int power) {
        chart.guide(name, lengths(steps), through.tokens(), seconds(trial), power);
    }

    private static double[] lengths(List<Step> steps) {
        return steps.stream().mapToDouble(Step::tokens).toArray();
    }

    private static double seconds(Trial trial) {
        return trial.milliseconds() / 1e3;
    }
}
