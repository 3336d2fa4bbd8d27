package dev.moba4j.cli.demo;

import dev.moba4j.cli.picture.ChartStyle;
import dev.moba4j.cli.picture.RateChart;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A picture of what native code and Java on the Vector API compute in a second, on the same shapes. */
final class BackendChart {
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
        return new RateChart("Useful arithmetic per second: native code and Java", "GFLOP/s", bars.shapes, 2)
                .bars("native (C++)", bars.byNative, ChartStyle.CHOSEN)
                .bars("vector (Java)", bars.byJava, ChartStyle.JAVA)
                .png();
    }

    private void add(
            String attention,
            Step step,
            Function<Step, @Nullable Trial> nativeTrial,
            Function<Step, @Nullable Trial> javaTrial) {
        shapes.add(String.format(Locale.ROOT, "%s, %,d tokens", attention, step.tokens()));
        byNative.add(nativeTrial.apply(step).gflops());
        byJava.add(javaTrial.apply(step).gflops());
    }
}
