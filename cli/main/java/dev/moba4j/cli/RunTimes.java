package dev.moba4j.cli;

import dev.moba4j.RunControl;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Times of the runs that count: all but the first, or the one run when it is not repeated.
 *
 * @param operation milliseconds of each run
 * @param beside milliseconds of the run made right after each one, 0 where there is none
 */
public record RunTimes(double[] operation, double[] beside) {

    /**
     * Runs and times.
     *
     * @param repetitions runs after the first
     * @param progress told of each run
     * @param operation what is run and timed
     * @param beside run and timed after each run of {@code operation}; null for nothing
     */
    public static RunTimes measure(
            int repetitions, Progress progress, Consumer<RunControl> operation, @Nullable Consumer<RunControl> beside) {
        int runs = repetitions + 1;
        double[] times = new double[runs];
        double[] besideTimes = new double[runs];
        for (int run = 0; run < runs; run++) {
            times[run] = milliseconds(progress, operation);
            besideTimes[run] = beside == null ? 0 : milliseconds(progress, beside);
        }
        int first = Math.min(repetitions, 1);
        return new RunTimes(Arrays.copyOfRange(times, first, runs), Arrays.copyOfRange(besideTimes, first, runs));
    }

    /** Of the operation alone: not of the control that watches it. */
    private static double milliseconds(Progress progress, Consumer<RunControl> operation) {
        long[] nanos = new long[1];
        progress.step(control -> {
            long start = System.nanoTime();
            operation.accept(control);
            nanos[0] = System.nanoTime() - start;
        });
        return nanos[0] / 1e6;
    }

    /** The middle one of the operation's times. */
    public double medianOperation() {
        return median(operation);
    }

    /** The middle one of the times beside it. */
    public double medianBeside() {
        return median(beside);
    }

    private static double median(double[] times) {
        double[] sorted = times.clone();
        Arrays.sort(sorted);
        return sorted[(sorted.length - 1) / 2];
    }
}
