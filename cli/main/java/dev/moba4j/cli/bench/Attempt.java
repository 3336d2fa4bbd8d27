package dev.moba4j.cli.bench;

import dev.moba4j.RunControl;
import dev.moba4j.Tensor;

/** One case by one contender, ready to be repeated. */
public interface Attempt extends AutoCloseable {
    /**
     * Computes; this is what is timed.
     *
     * @param control stops a run, where the contender can be stopped
     */
    void run(RunControl control);

    /**
     * What the last run computed.
     *
     * @return o {@code [Tq, H, D]} in the dtype of the case; for routing the selection
     */
    Tensor result();

    @Override
    void close();
}
