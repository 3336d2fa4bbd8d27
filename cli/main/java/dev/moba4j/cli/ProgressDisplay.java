package dev.moba4j.cli;

import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarStyle;

/** How far a task is: a bar that redraws itself on a terminal, a line now and then elsewhere. */
sealed interface ProgressDisplay extends AutoCloseable {

    /** Set by the launcher when stderr is a terminal. */
    String TERMINAL_PROPERTY = "moba.stderr.terminal";

    /** The display that suits stderr. */
    static ProgressDisplay on(String task) {
        return Boolean.getBoolean(TERMINAL_PROPERTY) ? new Bar(task) : new Lines(task);
    }

    /** Shows {@code fraction}, 0 to 1. */
    void update(double fraction);

    @Override
    void close();

    /** One line that redraws itself and vanishes at the end. */
    final class Bar implements ProgressDisplay {
        private static final int PARTS_PER_PERCENT = 10;
        private static final int WIDTH = 79;

        private final ProgressBar bar;

        Bar(String task) {
            bar = ProgressBar.builder()
                    .setTaskName(task)
                    .setInitialMax(100L * PARTS_PER_PERCENT)
                    .setUnit("", PARTS_PER_PERCENT)
                    .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                    .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
                    .clearDisplayOnFinish()
                    .build();
        }

        @Override
        public void update(double fraction) {
            bar.stepTo(Math.round(fraction * bar.getMax()));
        }

        @Override
        public void close() {
            bar.close();
        }
    }

    /** A line each time the task has lasted twice as long as at the line before. */
    final class Lines implements ProgressDisplay {
        private final String task;
        private final long start = System.nanoTime();
        private double nextSeconds;

        Lines(String task) {
            this.task = task;
        }

        @Override
        public void update(double fraction) {
            double seconds = (System.nanoTime() - start) / 1e9 + 1;
            if (seconds >= nextSeconds) {
                System.err.printf(Locale.ROOT, "%s: %.0f %% after %.0f s%n", task, 100 * fraction, seconds);
                nextSeconds = 2 * seconds;
            }
        }

        @Override
        public void close() {}
    }
}
