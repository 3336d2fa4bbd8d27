package dev.moba4j;

import dev.moba4j.internal.Backend;
import dev.moba4j.internal.BackendEngine;
import dev.moba4j.internal.Backends;
import dev.moba4j.internal.DeviceEngine;
import dev.moba4j.internal.GraphRecording;
import dev.moba4j.internal.Liveness;
import dev.moba4j.internal.MergeOperands;
import dev.moba4j.internal.validation.CopyValidation;
import dev.moba4j.internal.validation.MergeValidation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A backend with its threads. Thread-safe: one engine serves many threads at once.
 *
 * <p>Tensors of its runs lie on its {@link #device}: for the backend "cuda" in memory of a GPU, for all others in that of the
 * processor.
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
    private final Set<CudaStream> streams = ConcurrentHashMap.newKeySet();

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
     * @param options backend, threads, instruction set, device
     * @return the engine; close it when done
     * @throws BackendUnavailableException if the backend asked for does not work here
     * @throws IllegalArgumentException if a device is asked for without the backend "cuda"
     */
    public static Engine open(EngineOptions options) {
        if (options.deviceOrdinal() != 0 && !options.backend().equals("cuda")) {
            throw new IllegalArgumentException("deviceOrdinal is " + options.deviceOrdinal() + " with backend "
                    + options.backend() + ", expected 0: cuda alone has devices");
        }
        List<String> failures = new ArrayList<>();
        for (Backend backend : Backends.all()) {
            boolean wanted = options.backend().equals(backend.name());
            if (!wanted && !(options.backend().equals("auto") && backend.isAutomatic())) {
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
     * @return the backends, those that "auto" takes in the order in which it tries them, each followed by its code paths
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
     * Where the tensors of its runs are, {@code cuSeqlens} excepted, which the processor reads.
     *
     * @return the device
     */
    public Device device() {
        return backend.memoryDevice();
    }

    /**
     * A contiguous tensor in memory of {@link #device}: of zeros on the processor, of whatever was there on a GPU. Closing
     * the arena frees the memory, after waiting for work that uses it; the engine may be closed before.
     *
     * @param arena owner of the new memory
     * @param dtype element type
     * @param shape size of each axis, at least 0
     * @return the tensor
     * @throws IllegalArgumentException if a size is negative or the size in bytes overflows
     * @throws OutOfDeviceMemoryException if the device has not so much memory left
     */
    public Tensor allocate(Arena arena, DType dtype, long... shape) {
        if (device().isCpu()) {
            return Tensor.allocate(arena, dtype, shape);
        }
        long bytes = StridedLayout.contiguous(dtype, shape).span() * dtype.byteSize();
        return onDevice(device -> Tensor.wrap(device(), device.allocate(arena, bytes), dtype, shape));
    }

    /**
     * A contiguous tensor of zeros in memory of the processor that the device copies from and to without a detour, and while
     * it does other work: page-locked, where there is a GPU. Such memory is scarce. Closing the arena frees it, after waiting
     * for work that uses it; the engine may be closed before.
     *
     * @param arena owner of the new memory
     * @param dtype element type
     * @param shape size of each axis, at least 0
     * @return the tensor, which Java reads and writes like any other
     * @throws IllegalArgumentException if a size is negative or the size in bytes overflows
     * @throws MobaOutOfMemoryException if so much memory cannot be locked
     */
    public Tensor allocatePinned(Arena arena, DType dtype, long... shape) {
        if (device().isCpu()) {
            return Tensor.allocate(arena, dtype, shape);
        }
        long bytes = StridedLayout.contiguous(dtype, shape).span() * dtype.byteSize();
        MemorySegment memory = onDevice(device -> device.allocatePinned(arena, bytes));
        return Tensor.wrap(memory.fill((byte) 0), dtype, shape);
    }

    /**
     * How much memory the CUDA device has, and has left.
     *
     * @return bytes, as the device counts them now
     * @throws IllegalArgumentException if the engine has no CUDA device
     */
    public DeviceMemory deviceMemory() {
        return onDevice(DeviceEngine::memory);
    }

    /**
     * Copies a tensor between memory of the processor and of {@link #device}, or within either.
     *
     * @param source contiguous
     * @param target contiguous, of the same dtype and shape
     * @throws IllegalArgumentException if the tensors do not fit, or one lies on another device
     */
    public void copy(Tensor source, Tensor target) {
        liveness.enter();
        try {
            CopyValidation.check(source, target, device());
            if (backend instanceof DeviceEngine device) {
                device.copy(target.segment(), source.segment(), source.byteSize(), MemorySegment.NULL);
                device.synchronizeStream(MemorySegment.NULL);
            } else {
                target.segment().copyFrom(source.segment());
            }
        } finally {
            liveness.exit();
        }
    }

    /**
     * Enqueues a copy. It overlaps with other work where the memory of the processor is that of {@link #allocatePinned};
     * other memory may be read or written before this method returns.
     *
     * @param source contiguous; untouched until the copy is done
     * @param target contiguous, of the same dtype and shape; untouched until the copy is done
     * @param stream of this engine
     * @throws IllegalArgumentException if the tensors do not fit, or one lies on another device
     */
    public void copy(Tensor source, Tensor target, CudaStream stream) {
        requireOwn(stream);
        stream.use(device -> {
            CopyValidation.check(source, target, device());
            device.copy(target.segment(), source.segment(), source.byteSize(), stream.handle());
            GraphRecording recording = stream.stream().recording();
            if (recording != null) {
                recording.uses(source, target);
            }
            return null;
        });
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
            MergeValidation.check(operands, device());
            backend.mergeStates(operands);
        } finally {
            liveness.exit();
        }
    }

    /**
     * Enqueues what {@link #mergeStates(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)} does.
     *
     * @param oA attention output over the first set
     * @param lseA its log-sum-exp
     * @param oB attention output over the second set
     * @param lseB its log-sum-exp
     * @param o output
     * @param lse output, log-sum-exp of the union
     * @param stream of this engine
     */
    public void mergeStates(Tensor oA, Tensor lseA, Tensor oB, Tensor lseB, Tensor o, Tensor lse, CudaStream stream) {
        MergeOperands operands = new MergeOperands(oA, lseA, oB, lseB, o, lse);
        requireOwn(stream);
        stream.use(device -> {
            MergeValidation.check(operands, device());
            device.mergeStates(operands, stream.handle());
            GraphRecording recording = stream.stream().recording();
            if (recording != null) {
                recording.uses(oA, lseA, oB, lseB, o, lse);
            }
            return null;
        });
    }

    /**
     * Stops the engine's threads and waits for its streams. Idempotent. Tensors, streams, events and graphs are closed on
     * their own, before or after.
     *
     * @throws EngineBusyException if a run is under way or waits for a thread, or a graph holds a run; nothing has changed
     *     then
     */
    @Override
    public void close() {
        if (liveness.close()) {
            asyncRuns.shutdown();
            try {
                awaitStreams();
            } finally {
                backend.close();
            }
        }
    }

    Liveness liveness() {
        return liveness;
    }

    Executor asyncRuns() {
        return asyncRuns;
    }

    /** The open streams. */
    Set<CudaStream> streams() {
        return streams;
    }

    /** Waits for all that was enqueued on an open stream. */
    void awaitStreams() {
        if (backend instanceof DeviceEngine device) {
            streams.forEach(stream -> stream.awaitIfOpen(device));
        }
    }

    void requireOwn(CudaStream stream) {
        if (stream == null || stream.engine() != this) {
            throw new IllegalArgumentException(
                    stream == null ? "stream is null, expected an open one" : "stream belongs to another engine");
        }
    }

    /** Does something with the device of the open engine. */
    <R> R onDevice(Function<DeviceEngine, R> action) {
        liveness.enter();
        try {
            return action.apply(deviceEngine());
        } finally {
            liveness.exit();
        }
    }

    DeviceEngine deviceEngine() {
        if (backend instanceof DeviceEngine device) {
            return device;
        }
        throw new IllegalArgumentException("engine is of the backend " + info.backend()
                + ", expected one of cuda: the others have no streams, events and graphs");
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
