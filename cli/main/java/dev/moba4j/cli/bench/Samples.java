package dev.moba4j.cli.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Times of one contender, each with the multiply-add peak beside it. */
final class Samples {
    /** Below this share of the best peak something else was at work too. */
    static final double UNDISTURBED = 0.97;

    private record Sample(double milliseconds, double peak) {}

    private final List<Sample> samples = new ArrayList<>();

    /**
     * Adds a run.
     *
     * @param peak the lower one of the slices before and after it
     */
    void add(double milliseconds, double peak) {
        samples.add(new Sample(milliseconds, peak));
    }

    /** Runs so far. */
    int count() {
        return samples.size();
    }

    /** Time of all runs. */
    double totalSeconds() {
        return samples.stream().mapToDouble(Sample::milliseconds).sum() / 1e3;
    }

    /** Whether any run was undisturbed. */
    boolean steady(double bestPeak) {
        return samples.stream().anyMatch(sample -> sample.peak >= UNDISTURBED * bestPeak);
    }

    /** The shortest undisturbed run, or the shortest where all were disturbed. */
    double bestMilliseconds(double bestPeak) {
        boolean steady = steady(bestPeak);
        return samples.stream()
                .filter(sample -> !steady || sample.peak >= UNDISTURBED * bestPeak)
                .min(Comparator.comparingDouble(Sample::milliseconds))
                .orElseThrow()
                .milliseconds;
    }
}
