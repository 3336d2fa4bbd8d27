package dev.moba4j.cli;

import dev.moba4j.RunControl;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Shows on stderr how far a task of several steps is, once it has lasted over a second, and stops it when the process
 * is asked to end. Steps are run by one thread; open it before, so that it closes after, everything a stopped step
 * leaves to clean up.
 */
public final class Progress implements AutoCloseable {
    private static final long PATIENCE_MILLIS = 1000;
    private static final long INTERVAL_MILLIS = 200;
    private static final long STOP_SECONDS = 30;

    private final int steps;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread stopper = new Thread(this::stop, "moba-stop");
    private final @Nullable Thread display;

    private int finished;
    private boolean stopped;
    private @Nullable RunControl running;

    private Progress(String task, int steps, boolean quiet) {
        this.steps = steps;
        this.display = quiet
                ? null
                : Thread.ofPlatform().daemon().name("moba-progress").unstarted(() -> show(task));
    }

    /**
     * Begins a task.
     *
     * @param task what is done, in a word or two
     * @param steps how often {@link #step} will be called
     * @param quiet show nothing
     */
    public static Progress start(String task, int steps, boolean quiet) {
        Progress progress = new Progress(task, steps, quiet);
        Runtime.getRuntime().addShutdownHook(progress.stopper);
        return progress;
    }

    /** Runs one step with the control that shows and stops it. */
    public void step(Consumer<RunControl> work) {
        try (RunControl control = RunControl.create()) {
            begin(control);
            try {
                work.accept(control);
            } finally {
                end();
            }
        }
    }

    private synchronized void begin(RunControl control) {
        running = control;
        if (display != null && display.getState() == Thread.State.NEW) {
            display.start();
        }
        if (stopped) {
            control.cancel();
        }
    }

    private synchronized void end() {
        running = null;
        finished++;
    }

    private synchronized double fraction() {
        return Math.min(1, (finished + (running == null ? 0 : running.fraction())) / steps);
    }

    private synchronized void cancel() {
        stopped = true;
        if (running != null) {
            running.cancel();
        }
    }

    private void stop() {
        cancel();
        try {
            closed.await(STOP_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void show(String task) {
        try {
            if (closed.await(PATIENCE_MILLIS, TimeUnit.MILLISECONDS)) {
                return;
            }
            try (ProgressDisplay shown = ProgressDisplay.on(task)) {
                do {
                    double fraction = fraction();
                    if (fraction < 1) {
                        shown.update(fraction);
                    }
                } while (!closed.await(INTERVAL_MILLIS, TimeUnit.MILLISECONDS));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        closed.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(stopper);
        } catch (IllegalStateException e) {
            return; // the process is ending: the hook itself is running
        }
        if (display != null) {
            join(display);
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
