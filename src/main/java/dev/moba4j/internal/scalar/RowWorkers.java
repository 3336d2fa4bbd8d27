package dev.moba4j.internal.scalar;

import dev.moba4j.RunCancelledException;
import dev.moba4j.internal.RunSignals;
import java.util.concurrent.ForkJoinPool;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Threads that compute rows independently of each other, so that results do not depend on their number. */
final class RowWorkers {
    private final int threads;
    private final ForkJoinPool pool;

    RowWorkers(int threads) {
        this.threads = threads;
        this.pool = new ForkJoinPool(threads);
    }

    int threads() {
        return threads;
    }

    /**
     * Computes rows 0 to {@code count - 1}, each once.
     *
     * @throws RunCancelledException if the signals ask for it before the last row
     */
    void forEachRow(int count, @Nullable RunSignals signals, IntConsumer row) {
        pool.submit(() -> IntStream.range(0, count).parallel().forEach(i -> {
                    if (signals != null && signals.isCancelled()) {
                        throw new RunCancelledException("the run was cancelled");
                    }
                    row.accept(i);
                    if (signals != null) {
                        signals.advance(1);
                    }
                }))
                .join();
    }

    void close() {
        pool.shutdown();
    }
}
