package dev.moba4j;

import dev.moba4j.internal.Liveness;
import dev.moba4j.internal.RunSignals;
import java.lang.foreign.Arena;

/**
 * Progress counter and cancel flag of one run, readable and settable from any thread while it runs. Made for one run: a
 * cancelled control cancels every run it is given to. Closing it during its run throws {@link IllegalStateException};
 * so does every use of a closed one.
 *
 * {@snippet class="dev.moba4j.snippets.AttentionSnippetTest" region="control"}
 */
public final class RunControl implements AutoCloseable {
    private final RunSignals signals = new RunSignals(Arena.ofAuto());
    private final Liveness liveness =
            new Liveness("run control", IllegalStateException::new, IllegalStateException::new);

    private RunControl() {}

    /**
     * A fresh control: nothing done, not cancelled.
     *
     * @return the control
     */
    public static RunControl create() {
        return new RunControl();
    }

    /** Asks the run to stop soon; it then throws {@link RunCancelledException}. */
    public void cancel() {
        liveness.requireOpen();
        signals.cancel();
    }

    /**
     * Whether {@link #cancel} was called.
     *
     * @return true once cancelled
     */
    public boolean isCancelled() {
        liveness.requireOpen();
        return signals.isCancelled();
    }

    /**
     * Units of work done so far.
     *
     * @return at least 0, at most {@link #total()}
     */
    public long done() {
        liveness.requireOpen();
        return signals.done();
    }

    /**
     * Units of work in all.
     *
     * @return 0 until the run has begun
     */
    public long total() {
        liveness.requireOpen();
        return signals.total();
    }

    /**
     * Share of the work done so far.
     *
     * @return 0 to 1
     */
    public double fraction() {
        long total = total();
        return total == 0 ? 0 : Math.min(1, (double) done() / total);
    }

    /**
     * Ends the use of this control. Idempotent.
     *
     * @throws IllegalStateException if its run is under way; nothing has changed then
     */
    @Override
    public void close() {
        liveness.close();
    }

    Liveness liveness() {
        return liveness;
    }

    RunSignals signals() {
        return signals;
    }
}
