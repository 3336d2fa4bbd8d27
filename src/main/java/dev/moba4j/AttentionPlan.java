package dev.moba4j;

import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.Liveness;
import dev.moba4j.internal.RunSignals;
import dev.moba4j.internal.Sequences;
import dev.moba4j.internal.validation.RunValidation;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Attention prepared for dtypes, head counts, options and maxima. Immutable and thread-safe: many threads may run one
 * plan at once. Scratch memory is pooled in the plan, so that a run allocates none.
 *
 * <p>Every run validates its tensors first and throws {@link IllegalArgumentException} with nothing computed if they do
 * not fit; {@link IllegalStateException} if a tensor's arena is closed; {@link EngineClosedException} if the plan or its
 * engine is closed; {@link RunCancelledException} if its control was cancelled; {@link MobaOutOfMemoryException} if
 * scratch memory cannot be had. Closing an arena whose tensors a run of the native backend uses throws in the closing
 * thread; plain Java cannot hold an arena open, so a run of the scalar backend throws instead.
 *
 * <p>The asynchronous forms hold plan and engine open until they end, and report what a run throws through the future.
 * Their tensors must be accessible to other threads: not of a confined arena. Cancelling the future does not stop the
 * run; {@link RunControl#cancel()} does.
 */
public final class AttentionPlan implements AutoCloseable {
    private final Engine engine;
    private final PlanSpec spec;
    private final BackendPlan backend;
    private final RunValidation validation;
    private final Liveness liveness = new Liveness("plan", EngineClosedException::new, EngineBusyException::new);

    AttentionPlan(Engine engine, PlanSpec spec, BackendPlan backend) {
        this.engine = engine;
        this.spec = spec;
        this.backend = backend;
        this.validation = new RunValidation(spec);
    }

    /**
     * What this plan was made from.
     *
     * @return the description
     */
    public PlanSpec spec() {
        return spec;
    }

    /**
     * Scratch memory of one run; the plan keeps as much for each run that was under way at the same time.
     *
     * @return bytes
     * @throws EngineClosedException if this plan is closed
     */
    public long workspaceBytes() {
        liveness.enter();
        try {
            return backend.workspaceBytes();
        } finally {
            liveness.exit();
        }
    }

    /**
     * {@code K'}, the last axis of the selection that {@link #route} and {@link #attend} write: top-k, or the most blocks
     * in any sequence if that is less, at least 1.
     *
     * @param in q, k and the sequences
     * @return the width
     * @throws IllegalArgumentException if the inputs do not fit, or the plan does not route
     * @throws EngineClosedException if this plan is closed
     */
    public long selectionWidth(AttentionInputs in) {
        liveness.enter();
        try {
            validation.requireRouting();
            Sequences sequences = validation.sequences(in);
            return sequences.selectionWidth(
                    spec.options().blockSize(), spec.options().topK());
        } finally {
            liveness.exit();
        }
    }

    /**
     * Chooses blocks (paper, section 2.2).
     *
     * @param in q, k and the sequences; v is not read
     * @param selected output {@code [Tq, H, K']} I32, {@code K'} = {@link #selectionWidth}
     */
    public void route(AttentionInputs in, Tensor selected) {
        run(null, signals -> routeNow(in, selected, signals));
    }

    /**
     * Chooses blocks (paper, section 2.2), observably.
     *
     * @param in q, k and the sequences; v is not read
     * @param selected output {@code [Tq, H, K']} I32
     * @param control shows progress and stops the run
     */
    public void route(AttentionInputs in, Tensor selected, RunControl control) {
        run(control, signals -> routeNow(in, selected, signals));
    }

    /**
     * Chooses blocks and attends to them, or to every key if the plan is full attention.
     *
     * @param in q, k, v and the sequences
     * @param out o, and lse and selection where wanted
     */
    public void attend(AttentionInputs in, AttentionOutputs out) {
        run(null, signals -> attendNow(in, out, signals));
    }

    /**
     * Chooses blocks and attends to them, observably.
     *
     * @param in q, k, v and the sequences
     * @param out o, and lse and selection where wanted
     * @param control shows progress and stops the run
     */
    public void attend(AttentionInputs in, AttentionOutputs out, RunControl control) {
        run(control, signals -> attendNow(in, out, signals));
    }

    /**
     * Attends to a given selection; the own block is not added, and options about routing are not used.
     *
     * @param in q, k, v and the sequences
     * @param selected input {@code [Tq, H, K']} I32, {@code 1 <= K' <= maxSelected}: block indices within the sequence,
     *     ascending, none after the own block when causal, padded with -1 at the end
     * @param out o, and lse where wanted; {@code out.selected()} is null
     */
    public void attendSelected(AttentionInputs in, Tensor selected, AttentionOutputs out) {
        run(null, signals -> attendSelectedNow(in, selected, out, signals));
    }

    /**
     * Attends to a given selection, observably.
     *
     * @param in q, k, v and the sequences
     * @param selected input {@code [Tq, H, K']} I32
     * @param out o, and lse where wanted; {@code out.selected()} is null
     * @param control shows progress and stops the run
     */
    public void attendSelected(AttentionInputs in, Tensor selected, AttentionOutputs out, RunControl control) {
        run(control, signals -> attendSelectedNow(in, selected, out, signals));
    }

    /**
     * {@link #route(AttentionInputs, Tensor)} on a thread of the engine.
     *
     * @param in q, k and the sequences; v is not read
     * @param selected output {@code [Tq, H, K']} I32
     * @return completes when the run has ended
     */
    public CompletableFuture<Void> routeAsync(AttentionInputs in, Tensor selected) {
        return runAsync(null, signals -> routeNow(in, selected, signals));
    }

    /**
     * {@link #route(AttentionInputs, Tensor, RunControl)} on a thread of the engine.
     *
     * @param in q, k and the sequences; v is not read
     * @param selected output {@code [Tq, H, K']} I32
     * @param control shows progress and stops the run
     * @return completes when the run has ended
     */
    public CompletableFuture<Void> routeAsync(AttentionInputs in, Tensor selected, RunControl control) {
        return runAsync(control, signals -> routeNow(in, selected, signals));
    }

    /**
     * {@link #attend(AttentionInputs, AttentionOutputs)} on a thread of the engine.
     *
     * @param in q, k, v and the sequences
     * @param out o, and lse and selection where wanted
     * @return completes when the run has ended
     */
    public CompletableFuture<Void> attendAsync(AttentionInputs in, AttentionOutputs out) {
        return runAsync(null, signals -> attendNow(in, out, signals));
    }

    /**
     * {@link #attend(AttentionInputs, AttentionOutputs, RunControl)} on a thread of the engine.
     *
     * @param in q, k, v and the sequences
     * @param out o, and lse and selection where wanted
     * @param control shows progress and stops the run
     * @return completes when the run has ended
     */
    public CompletableFuture<Void> attendAsync(AttentionInputs in, AttentionOutputs out, RunControl control) {
        return runAsync(control, signals -> attendNow(in, out, signals));
    }

    /**
     * {@link #attendSelected(AttentionInputs, Tensor, AttentionOutputs)} on a thread of the engine.
     *
     * @param in q, k, v and the sequences
     * @param selected input {@code [Tq, H, K']} I32
     * @param out o, and lse where wanted
     * @return completes when the run has ended
     */
    public CompletableFuture<Void> attendSelectedAsync(AttentionInputs in, Tensor selected, AttentionOutputs out) {
        return runAsync(null, signals -> attendSelectedNow(in, selected, out, signals));
    }

    /**
     * {@link #attendSelected(AttentionInputs, Tensor, AttentionOutputs, RunControl)} on a thread of the engine.
     *
     * @param in q, k, v and the sequences
     * @param selected input {@code [Tq, H, K']} I32
     * @param out o, and lse where wanted
     * @param control shows progress and stops the run
     * @return completes when the run has ended
     */
    public CompletableFuture<Void> attendSelectedAsync(
            AttentionInputs in, Tensor selected, AttentionOutputs out, RunControl control) {
        return runAsync(control, signals -> attendSelectedNow(in, selected, out, signals));
    }

    /**
     * Releases the plan and its scratch memory. Idempotent.
     *
     * @throws EngineBusyException if one of its runs is under way or waits for a thread; nothing has changed then
     */
    @Override
    public void close() {
        if (liveness.close()) {
            backend.close();
        }
    }

    private void routeNow(AttentionInputs in, Tensor selected, @Nullable RunSignals signals) {
        Sequences sequences = validation.route(in, selected);
        backend.route(in, sequences, selected, signals);
    }

    private void attendNow(AttentionInputs in, AttentionOutputs out, @Nullable RunSignals signals) {
        Sequences sequences = validation.attend(in, out);
        backend.attend(in, sequences, out, signals);
    }

    private void attendSelectedNow(
            AttentionInputs in, Tensor selected, AttentionOutputs out, @Nullable RunSignals signals) {
        Sequences sequences = validation.attendSelected(in, selected, out);
        backend.attendSelected(in, sequences, selected, out, signals);
    }

    /** A run that reports to signals, if there are any. */
    @FunctionalInterface
    private interface Operation {
        void run(@Nullable RunSignals signals);
    }

    private void run(@Nullable RunControl control, Operation operation) {
        enter(control);
        try {
            operation.run(control == null ? null : control.signals());
        } finally {
            exit(control);
        }
    }

    private CompletableFuture<Void> runAsync(@Nullable RunControl control, Operation operation) {
        enter(control);
        CompletableFuture<Void> run;
        try {
            run = CompletableFuture.runAsync(
                    () -> operation.run(control == null ? null : control.signals()), engine.asyncRuns());
        } catch (RuntimeException | Error e) {
            exit(control);
            throw e;
        }
        return run.whenComplete((nothing, failure) -> exit(control));
    }

    private void enter(@Nullable RunControl control) {
        engine.liveness().enter();
        try {
            liveness.enter();
            try {
                if (control != null) {
                    control.liveness().enter();
                }
            } catch (RuntimeException e) {
                liveness.exit();
                throw e;
            }
        } catch (RuntimeException e) {
            engine.liveness().exit();
            throw e;
        }
    }

    private void exit(@Nullable RunControl control) {
        if (control != null) {
            control.liveness().exit();
        }
        liveness.exit();
        engine.liveness().exit();
    }
}
