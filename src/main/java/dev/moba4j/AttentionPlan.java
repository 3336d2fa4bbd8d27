package dev.moba4j;

import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.DeviceStream;
import dev.moba4j.internal.GraphRecording;
import dev.moba4j.internal.Liveness;
import dev.moba4j.internal.RunSignals;
import dev.moba4j.internal.RunnerPool;
import dev.moba4j.internal.RunnerPool.Slot;
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
 * thread; plain Java cannot hold an arena open, so a run of the other backends throws instead.
 *
 * <p>A selection that is given to an engine of the backend "cuda" is checked there: a row of it that breaks the rules gets
 * NaN. Runs that are given a {@link CudaStream} are only enqueued; scratch memory is kept for each stream that has such runs
 * under way, and for each {@link CudaGraph}.
 *
 * <p>The asynchronous forms hold plan and engine open until they end, and report what a run throws through the future.
 * Their tensors must be accessible to other threads: not of a confined arena. Cancelling the future does not stop the
 * run; {@link RunControl#cancel()} does.
 *
 * {@snippet class="dev.moba4j.snippets.AttentionSnippetTest" region="plan"}
 */
public final class AttentionPlan implements AutoCloseable {
    private final Engine engine;
    private final PlanSpec spec;
    private final BackendPlan backend;
    private final RunnerPool runners;
    private final RunValidation validation;
    private final Liveness liveness = new Liveness("plan", EngineClosedException::new, EngineBusyException::new);

    AttentionPlan(Engine engine, PlanSpec spec, BackendPlan backend) {
        this.engine = engine;
        this.spec = spec;
        this.backend = backend;
        this.runners = new RunnerPool(backend);
        this.validation = new RunValidation(spec, engine.device());
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
     * Which kernels serve this plan's largest runs, and why no faster ones: for people. On a GPU a run may still take others,
     * where its tensors do not fit.
     *
     * @return the engine's {@linkplain EngineInfo#target() target}, or, of the backend "cuda", a sentence
     */
    public String kernels() {
        String kernels = backend.kernels();
        return kernels == null ? engine.info().target() : kernels;
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
            Sequences sequences = new Sequences();
            validation.sequences(in, sequences);
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
        run(AttentionPlan::routeNow, in, selected, null, null);
    }

    /**
     * Chooses blocks (paper, section 2.2), observably.
     *
     * @param in q, k and the sequences; v is not read
     * @param selected output {@code [Tq, H, K']} I32
     * @param control shows progress and stops the run
     */
    public void route(AttentionInputs in, Tensor selected, RunControl control) {
        run(AttentionPlan::routeNow, in, selected, null, control);
    }

    /**
     * Chooses blocks and attends to them, or to every key if the plan is full attention.
     *
     * @param in q, k, v and the sequences
     * @param out o, and lse and selection where wanted
     */
    public void attend(AttentionInputs in, AttentionOutputs out) {
        run(AttentionPlan::attendNow, in, null, out, null);
    }

    /**
     * Chooses blocks and attends to them, observably.
     *
     * @param in q, k, v and the sequences
     * @param out o, and lse and selection where wanted
     * @param control shows progress and stops the run
     */
    public void attend(AttentionInputs in, AttentionOutputs out, RunControl control) {
        run(AttentionPlan::attendNow, in, null, out, control);
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
        run(AttentionPlan::attendSelectedNow, in, selected, out, null);
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
        run(AttentionPlan::attendSelectedNow, in, selected, out, control);
    }

    /**
     * Enqueues {@link #route(AttentionInputs, Tensor)}: the tensors are checked, and the rest is done in the stream.
     *
     * @param in q, k and the sequences; v is not read
     * @param selected output {@code [Tq, H, K']} I32
     * @param stream of this plan's engine
     */
    public void route(AttentionInputs in, Tensor selected, CudaStream stream) {
        enqueue(AttentionPlan::routeNow, in, selected, null, stream);
    }

    /**
     * Enqueues {@link #attend(AttentionInputs, AttentionOutputs)}: the tensors are checked, and the rest is done in the
     * stream.
     *
     * @param in q, k, v and the sequences
     * @param out o, and lse and selection where wanted
     * @param stream of this plan's engine
     */
    public void attend(AttentionInputs in, AttentionOutputs out, CudaStream stream) {
        enqueue(AttentionPlan::attendNow, in, null, out, stream);
    }

    /**
     * Enqueues {@link #attendSelected(AttentionInputs, Tensor, AttentionOutputs)}: the tensors are checked, and the rest is
     * done in the stream.
     *
     * @param in q, k, v and the sequences
     * @param selected input {@code [Tq, H, K']} I32
     * @param out o, and lse where wanted; {@code out.selected()} is null
     * @param stream of this plan's engine
     */
    public void attendSelected(AttentionInputs in, Tensor selected, AttentionOutputs out, CudaStream stream) {
        enqueue(AttentionPlan::attendSelectedNow, in, selected, out, stream);
    }

    /**
     * {@link #route(AttentionInputs, Tensor)} on a thread of the engine.
     *
     * @param in q, k and the sequences; v is not read
     * @param selected output {@code [Tq, H, K']} I32
     * @return completes when the run has ended
     */
    public CompletableFuture<Void> routeAsync(AttentionInputs in, Tensor selected) {
        return runAsync(AttentionPlan::routeNow, in, selected, null, null);
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
        return runAsync(AttentionPlan::routeNow, in, selected, null, control);
    }

    /**
     * {@link #attend(AttentionInputs, AttentionOutputs)} on a thread of the engine.
     *
     * @param in q, k, v and the sequences
     * @param out o, and lse and selection where wanted
     * @return completes when the run has ended
     */
    public CompletableFuture<Void> attendAsync(AttentionInputs in, AttentionOutputs out) {
        return runAsync(AttentionPlan::attendNow, in, null, out, null);
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
        return runAsync(AttentionPlan::attendNow, in, null, out, control);
    }

    /**
     * Checks every row of a selection in the processor's memory, as a run of a backend there does. For a selection that is
     * then copied to a device: a run there cannot tell of a bad row, and makes it NaN.
     *
     * @param in q, k and {@code cuSeqlens} as a run takes them; of q and k only the shapes matter
     * @param selected {@code [Tq, H, K']} I32
     * @throws IllegalArgumentException if an entry is out of place, with its index and what was expected
     */
    public void checkSelection(AttentionInputs in, Tensor selected) {
        liveness.enter();
        try {
            validation.selection(in, selected);
        } finally {
            liveness.exit();
        }
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
        return runAsync(AttentionPlan::attendSelectedNow, in, selected, out, null);
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
        return runAsync(AttentionPlan::attendSelectedNow, in, selected, out, control);
    }

    /**
     * Releases the plan and its scratch memory, after waiting for runs in a stream. Idempotent.
     *
     * @throws EngineBusyException if one of its runs is under way or waits for a thread, or a graph holds one; nothing has
     *     changed then
     */
    @Override
    public void close() {
        if (liveness.close()) {
            try {
                runners.free();
            } finally {
                backend.close();
            }
        }
    }

    private void routeNow(
            Slot slot, AttentionInputs in, Tensor selected, AttentionOutputs none, @Nullable RunSignals signals) {
        validation.route(in, selected, slot.sequences());
        slot.runner().route(in, slot.sequences(), selected, signals);
    }

    private void attendNow(
            Slot slot, AttentionInputs in, Tensor none, AttentionOutputs out, @Nullable RunSignals signals) {
        validation.attend(in, out, slot.sequences());
        slot.runner().attend(in, slot.sequences(), out, signals);
    }

    private void attendSelectedNow(
            Slot slot, AttentionInputs in, Tensor selected, AttentionOutputs out, @Nullable RunSignals signals) {
        validation.attendSelected(in, selected, out, slot.sequences());
        slot.runner().attendSelected(in, slot.sequences(), selected, out, signals);
    }

    /** One of the methods above. It is given all that a run needs, instead of capturing it: so a run allocates nothing. */
    @FunctionalInterface
    private interface Operation {
        void run(
                AttentionPlan plan,
                Slot slot,
                AttentionInputs in,
                @Nullable Tensor selected,
                @Nullable AttentionOutputs out,
                @Nullable RunSignals signals);
    }

    private void run(
            Operation operation,
            AttentionInputs in,
            @Nullable Tensor selected,
            @Nullable AttentionOutputs out,
            @Nullable RunControl control) {
        enter(control);
        try {
            runEntered(operation, in, selected, out, control, null);
        } finally {
            exit(control);
        }
    }

    private void enqueue(
            Operation operation,
            AttentionInputs in,
            @Nullable Tensor selected,
            @Nullable AttentionOutputs out,
            CudaStream stream) {
        engine.requireOwn(stream);
        stream.enter();
        try {
            enter(null);
            try {
                runEntered(operation, in, selected, out, null, stream.stream());
                GraphRecording recording = stream.stream().recording();
                if (recording != null) {
                    keepFor(recording, in, selected, out);
                }
            } finally {
                exit(null);
            }
        } finally {
            stream.exit();
        }
    }

    /** Keeps plan and engine open for as long as the graph lives. */
    private void keepFor(
            GraphRecording recording, AttentionInputs in, @Nullable Tensor selected, @Nullable AttentionOutputs out) {
        enter(null);
        recording.whenReleased(() -> exit(null));
        recording.uses(in.q(), in.k(), in.v(), selected);
        if (out != null) {
            recording.uses(out.o(), out.lse(), out.selected());
        }
    }

    private CompletableFuture<Void> runAsync(
            Operation operation,
            AttentionInputs in,
            @Nullable Tensor selected,
            @Nullable AttentionOutputs out,
            @Nullable RunControl control) {
        enter(control);
        CompletableFuture<Void> run;
        try {
            run = CompletableFuture.runAsync(
                    () -> runEntered(operation, in, selected, out, control, null), engine.asyncRuns());
        } catch (RuntimeException | Error e) {
            exit(control);
            throw e;
        }
        return run.whenComplete((nothing, failure) -> exit(control));
    }

    private void runEntered(
            Operation operation,
            AttentionInputs in,
            @Nullable Tensor selected,
            @Nullable AttentionOutputs out,
            @Nullable RunControl control,
            @Nullable DeviceStream stream) {
        Slot slot = runners.take(stream);
        try {
            operation.run(this, slot, in, selected, out, control == null ? null : control.signals());
        } finally {
            runners.giveBack(slot);
        }
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
