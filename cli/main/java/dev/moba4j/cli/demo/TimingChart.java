package dev.moba4j.cli.demo;

import dev.moba4j.cli.picture.ChartStyle;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.ChartEncoder;

/** A picture of how long the trials took. */
final class TimingChart {
    private TimingChart() {}

    /** A PNG file's bytes: one bar for each trial. */
    static byte[] png(List<Trial> trials) {
        CategoryChart chart = new CategoryChartBuilder()
                .width(760)
                .height(560)
                .title("time of one attention call")
                .yAxisTitle("seconds")
                .build();
        ChartStyle.apply(chart.getStyler());
        chart.getStyler()
                .setLabelsVisible(true)
                .setLabelsPosition(1.04)
                .setLabelsFont(ChartStyle.TEXT)
                .setLabelsFontColorAutomaticEnabled(false)
                .setAvailableSpaceFill(0.5)
                .setYAxisDecimalPattern("0.0##");
        chart.addSeries(
                        "seconds",
                        trials.stream().map(Trial::name).toList(),
                        trials.stream().map(trial -> trial.milliseconds() / 1e3).toList())
                .setFillColor(ChartStyle.CHOSEN);
        try {
            return ChartEncoder.getBytes(chart, "png");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
