package dev.moba4j.cli.bench;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntToDoubleFunction;

/** Threads that do a piece of work at the same time. */
final class Team {
    private Team() {}

    /**
     * Lets threads 0 to {@code threads} - 1 begin together, and sums what they return. Thread 0 is the caller.
     */
    static double sum(int threads, IntToDoubleFunction work) {
        AtomicInteger waiting = new AtomicInteger(threads);
        double[] results = new double[threads];
        Thread[] others = new Thread[threads];
        for (int i = 1; i < threads; i++) {
            int index = i;
            others[i] = Thread.ofPlatform().daemon().start(() -> results[index] = together(waiting, work, index));
        }
        results[0] = together(waiting, work, 0);
        double sum = results[0];
        for (int i = 1; i < threads; i++) {
            join(others[i]);
            sum += results[i];
        }
        return sum;
    }

    private static double together(AtomicInteger waiting, IntToDoubleFunction work, int index) {
        waiting.decrementAndGet();
        while (waiting.get() > 0) {
            Thread.onSpinWait();
        }
        return work.applyAsDouble(index);
    }

    private static void join(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
