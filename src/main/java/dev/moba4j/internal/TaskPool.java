package dev.moba4j.internal;

import dev.moba4j.RunCancelledException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Threads that work off numbered tasks, claimed one by one. The calling thread works too and never waits for threads that
 * are busy elsewhere; several callers may run jobs at once. Thread-safe.
 */
public final class TaskPool {
    private static final long IDLE_SECONDS = 60;

    private final int threads;
    private final ThreadPoolExecutor helpers;

    /**
     * A pool.
     *
     * @param threads threads that work on one job, the calling one included, at least 1
     */
    public TaskPool(int threads) {
        this.threads = threads;
        int others = Math.max(1, threads - 1);
        this.helpers = new ThreadPoolExecutor(
                others,
                others,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Thread.ofPlatform().daemon().name("moba4j-worker-", 0).factory());
        helpers.allowCoreThreadTimeOut(true);
    }

    /** One task of a job. */
    @FunctionalInterface
    public interface Task {
        /**
         * Does the work.
         *
         * @param task its number
         * @param slot number of the thread within the job, 0 to {@code threads - 1}: no two work under one at a time
         */
        void run(long task, int slot);
    }

    /** Threads that work on one job. */
    public int threads() {
        return threads;
    }

    /**
     * Runs tasks 0 to {@code tasks - 1}, each once, and counts each as a unit of progress.
     *
     * @param tasks how many
     * @param mostThreads threads to use at most, the calling one included
     * @param signals progress and cancellation, or null
     * @throws RunCancelledException if the signals ask for it before the last task began; none runs any more then
     */
    public void run(long tasks, int mostThreads, @Nullable RunSignals signals, Task task) {
        Job job = new Job(tasks, signals, task);
        int helping = (int) Math.min(Math.min(mostThreads, threads), tasks) - 1;
        for (int slot = 1; slot <= helping; slot++) {
            int own = slot;
            helpers.execute(() -> job.help(own));
        }
        job.work(0);
        job.finish();
    }

    /** Ends the threads when they are idle. */
    public void close() {
        helpers.shutdown();
    }

    private static final class Job {
        private final long tasks;
        private final @Nullable RunSignals signals;
        private final Task task;
        private final AtomicLong next = new AtomicLong();
        private int helpers;
        private boolean finished;
        private @Nullable Throwable failure;

        Job(long tasks, @Nullable RunSignals signals, Task task) {
            this.tasks = tasks;
            this.signals = signals;
            this.task = task;
        }

        void help(int slot) {
            synchronized (this) {
                if (finished) {
                    return; // came too late: the job's memory may serve another one
                }
                helpers++;
            }
            work(slot);
            synchronized (this) {
                helpers--;
                notifyAll();
            }
        }

        void work(int slot) {
            try {
                for (long i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
                    if (signals != null && signals.isCancelled()) {
                        throw new RunCancelledException("the run was cancelled");
                    }
                    task.run(i, slot);
                    if (signals != null) {
                        signals.advance(1);
                    }
                }
            } catch (Throwable e) {
                next.set(tasks);
                synchronized (this) {
                    failure = failure == null ? e : failure;
                }
            }
        }

        /** Waits for the helpers under way and throws what went wrong first. */
        synchronized void finish() {
            finished = true;
            boolean interrupted = false;
            while (helpers > 0) {
                try {
                    wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            if (failure instanceof RuntimeException e) {
                throw e;
            }
            if (failure instanceof Error e) {
                throw e;
            }
        }
    }
}
