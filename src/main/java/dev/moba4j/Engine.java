package dev.moba4j;

import dev.moba4j.internal.Backend;
import dev.moba4j.internal.BackendEngine;
import dev.moba4j.internal.Backends;
import dev.moba4j.internal.Liveness;
import dev.moba4j.internal.MergeOperands;
import dev.moba4j.internal.validation.MergeValidation;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A backend with its threads. Thread-safe: one engine serves many threads at once.
 *
 * <p>Runs block the calling thread, and a virtual thread's carrier with it; the asynchronous forms of
 * {@link AttentionPlan} run on threads of the engine.
 *
 * {@snippet class="dev.moba4j.snippets.EngineSnippetTest" region="attend"}
 */
public final class Engine implements AutoCloseable {
    private static final System.Logger LOGGER = System.getLogger(Engine.class.getName());
    private static final long IDLE_SECONDS = 10;

    private final BackendEngine backend;
    private final EngineInfo info;
    private final Liveness liveness = new Liveness("engine", EngineClosedException::new, EngineBusyException::new);
    private final ThreadPoolExecutor asyncRuns;

    private Engine(String name, BackendEngine backend, String reason) {
        this.backend = backend;
        this.info = new EngineInfo(name, backend.target(), backend.threads(), backend.device(), reason);
        this.asyncRuns = new ThreadPoolExecutor(
                backend.threads(),
                backend.threads(),
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Thread.ofPlatform().daemon().name("moba4j-async-", 0).factory());
        asyncRuns.allowCoreThreadTimeOut(true);
    }

    /**
     * Opens an engine with {@link EngineOptions#defaults()}: the first backend that works, on all processors.
     *
     * @return the engine; close it when done
     */
    public static Engine open() {
        return open(EngineOptions.defaults());
    }

    /**
     * Opens an engine.
     *
     * @param options backend, threads, instruction set
     * @return the engine; close it when done
     * @throws BackendUnavailableException if the backend asked for does not work here
     */
    public static Engine open(EngineOptions options) {
        List<String> failures = new ArrayList<>();
        for (Backend backend : Backends.all()) {
            boolean wanted = options.backend().equals(backend.name());
            if (!wanted && !options.backend().equals("auto")) {
                continue;
            }
            try {
                BackendEngine opened = backend.open(options);
                return logged(new Engine(backend.name(), opened, reason(wanted, failures)), !failures.isEmpty());
            } catch (BackendUnavailableException e) {
                failures.add(backend.name() + " is unavailable: " + e.getMessage());
            }
        }
        throw new BackendUnavailableException(String.join("; ", failures));
    }

    /**
     * Every backend and code path, and whether it works on this machine.
     *
     * @return the backends in the order in which "auto" tries them, each followed by its code paths
     */
    public static List<BackendStatus> backends() {
        return Backends.all().stream()
                .flatMap(backend -> backend.status().stream())
                .toList();
    }

    /**
     * What this engine runs on; also when closed.
     *
     * @return backend, code path, threads, device, and why this backend was taken
     */
    public EngineInfo info() {
        return info;
    }

    /**
     * Makes a plan. It may outlive the engine, but not run then.
     *
     * @param spec what stays the same from run to run
     * @return the plan; close it when done
     * @throws IllegalArgumentException if the backend refuses the description
     * @throws EngineClosedException if this engine is closed
     */
    public AttentionPlan plan(PlanSpec spec) {
        if (spec == null) {
            throw new IllegalArgumentException("spec is null, expected a plan's description");
        }
        if (!spec.options().full() && spec.options().topK() == 0 && spec.maxSelected() == 0) {
            throw new IllegalArgumentException("topK is 0, expected at least 1: with maxSelected = 0 the plan could"
                    + " neither route nor be given a selection");
        }
        liveness.enter();
        try {
            return new AttentionPlan(this, spec, backend.plan(spec));
        } finally {
            liveness.exit();
        }
    }

    /**
     * Chooses blocks (paper, section 2.2), with a plan made for this call.
     *
     * @param in q, k and the sequences; v is not read
     * @param selected output {@code [Tq, H, K']} I32
     * @param options what is computed
     * @see AttentionPlan#route(AttentionInputs, Tensor)
     */
    public void route(AttentionInputs in, Tensor selected, AttentionOptions options) {
        withPlan(in, 0, options, plan -> plan.route(in, selected));
    }

    /**
     * Routes and attends, with a plan made for this call.
     *
     * @param in q, k, v and the sequences
     * @param out o, and lse and selection where wanted
     * @param options what is computed
     * @see AttentionPlan#attend(AttentionInputs, AttentionOutputs)
     */
    public void attend(AttentionInputs in, AttentionOutputs out, AttentionOptions options) {
        withPlan(in, 0, options, plan -> plan.attend(in, out));
    }

    /**
     * Attends to a given selection, with a plan made for this call.
     *
     * @param in q, k, v and the sequences
     * @param selected input {@code [Tq, H, K']} I32
     * @param out o, and lse where wanted
     * @param options what is computed
     * @see AttentionPlan#attendSelected(AttentionInputs, Tensor, AttentionOutputs)
     */
    public void attendSelected(AttentionInputs in, Tensor selected, AttentionOutputs out, AttentionOptions options) {
        if (selected == null) {
            throw new IllegalArgumentException("selected is null, expected a tensor [Tq, H, K']");
        }
        long width = selected.dim(selected.rank() - 1);
        withPlan(in, width, options, plan -> plan.attendSelected(in, selected, out));
    }

    /**
     * Combines attention over two disjoint sets of keys into attention over their union:
     * {@code lse = ln(exp(lseA) + exp(lseB))}, {@code o = oA exp(lseA - lse) + oB exp(lseB - lse)}. A side whose lse is
     * minus infinity contributes nothing.
     *
     * @param oA attention output {@code [.., T, H, Dv]} over the first set, F32, F16 or BF16
     * @param lseA its log-sum-exp {@code [.., T, H]} F32
     * @param oB attention output over the second set, shape and dtype of {@code oA}
     * @param lseB its log-sum-exp
     * @param o output of the same shape and dtype
     * @param lse output, log-sum-exp of the union
     * @throws IllegalArgumentException if a tensor does not fit, or an output overlaps another tensor
     * @throws EngineClosedException if this engine is closed
     */
    public void mergeStates(Tensor oA, Tensor lseA, Tensor oB, Tensor lseB, Tensor o, Tensor lse) {
        MergeOperands operands = new MergeOperands(oA, lseA, oB, lseB, o, lse);
        liveness.enter();
        try {
            MergeValidation.check(operands);
            backend.mergeStates(operands);
        } finally {
            liveness.exit();
        }
    }

    /**
     * Stops the engine's threads. Idempotent.
     *
     * @throws EngineBusyException if a run is under way or waits for a thread; nothing has changed then
     */
    @Override
    public void close() {
        if (liveness.close()) {
            asyncRuns.shutdown();
            backend.close();
        }
    }

    Liveness liveness() {
        return liveness;
    }

    Executor asyncRuns() {
        return asyncRuns;
    }

    private void withPlan(AttentionInputs in, long maxSelected, AttentionOptions options, Consumer<AttentionPlan> run) {
        if (in == null) {
            throw new IllegalArgumentException("in is null, expected q, k and v");
        }
        @Nullable Tensor cuSeqlens = in.cuSeqlensQ() == null ? in.cuSeqlensK() : in.cuSeqlensQ();
        PlanSpec spec = PlanSpec.forTensors(in.q(), in.k(), in.v(), cuSeqlens, options);
        try (AttentionPlan plan = plan(spec.withMaxSelected(maxSelected))) {
            run.accept(plan);
        }
    }

    private static String reason(boolean wanted, List<String> failures) {
        if (wanted) {
            return "asked for by name";
        }
        return failures.isEmpty() ? "the first choice of auto" : String.join("; ", failures);
    }

    private static Engine logged(Engine engine, boolean fellBack) {
        LOGGER.log(
                fellBack ? System.Logger.Level.WARNING : System.Logger.Level.DEBUG,
                () -> "backend " + engine.info.backend() + " (" + engine.info.target() + ", " + engine.info.threads()
                        + " threads): " + engine.info.reason());
        return engine;
    }
}
