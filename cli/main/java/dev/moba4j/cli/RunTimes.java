package dev.moba4j.cli;

import java.util.Arrays;
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
     * @param beside run and timed after each run of {@code operation}; null for nothing
     */
    public static RunTimes measure(int repetitions, Runnable operation, @Nullable Runnable beside) {
        int runs = repetitions + 1;
        double[] times = new double[runs];
        double[] besideTimes = new double[runs];
        for (int run = 0; run < runs; run++) {
            times[run] = milliseconds(operation);
            besideTimes[run] = beside == null ? 0 : milliseconds(beside);
        }
        int first = Math.min(repetitions, 1);
        return new RunTimes(Arrays.copyOfRange(times, first, runs), Arrays.copyOfRange(besideTimes, first, runs));
    }

    private static double milliseconds(Runnable operation) {
        long start = System.nanoTime();
        operation.run();
        return (System.nanoTime() - start) / 1e6;
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
