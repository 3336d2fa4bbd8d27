package dev.moba4j;

import dev.moba4j.internal.GraphRecording;
import dev.moba4j.internal.Liveness;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A point in a {@link CudaStream}, with its time: other streams and the processor can wait for it. Thread-safe.
 *
 * {@snippet class="dev.moba4j.snippets.CudaSnippetTest" region="event"}
 */
public final class CudaEvent implements AutoCloseable {
    private final Engine engine;
    private final MemorySegment handle;
    private final boolean owned;
    private final Liveness liveness = new Liveness("event", IllegalStateException::new, IllegalStateException::new);
    private volatile @Nullable GraphRecording recording;

    private CudaEvent(Engine engine, MemorySegment handle, boolean owned) {
        this.engine = engine;
        this.handle = handle;
        this.owned = owned;
    }

    /**
     * A new event, of which nothing was recorded: nobody waits for it.
     *
     * @param engine of the backend "cuda"
     * @return the event; close it when done
     * @throws IllegalArgumentException if the engine has no CUDA device
     */
    public static CudaEvent create(Engine engine) {
        return engine.onDevice(device -> new CudaEvent(engine, device.createEvent(), true));
    }

    /**
     * The event of another library, on the same device. It has to outlive this view; closing the view leaves the event as it
     * is. {@link #millisecondsTo} wants events that were created with timing.
     *
     * @param engine of the backend "cuda"
     * @param handle a {@code cudaEvent_t}; {@link MemorySegment#ofAddress} makes one from a number
     * @return the view; close it when done
     * @throws IllegalArgumentException if the engine has no CUDA device
     */
    public static CudaEvent wrap(Engine engine, MemorySegment handle) {
        return engine.onDevice(device -> new CudaEvent(engine, handle, false));
    }

    /**
     * What CUDA calls the event.
     *
     * @return a {@code cudaEvent_t}
     */
    public MemorySegment handle() {
        return handle;
    }

    /**
     * Makes the event stand for all that the stream holds now.
     *
     * @param stream of the same engine
     */
    public void record(CudaStream stream) {
        stream.use(device -> use(stream.engine(), event -> {
            device.recordEvent(event, stream.handle());
            recording = stream.stream().recording();
            return null;
        }));
    }

    /**
     * Waits until the work of the latest record is done.
     *
     * @throws DeviceException if some of it failed
     */
    public void synchronize() {
        use(
                engine,
                event -> engine.onDevice(device -> {
                    device.synchronizeEvent(event);
                    return null;
                }));
    }

    /**
     * Whether the work of the latest record is done. Does not wait.
     *
     * @return true if it is, or nothing was recorded
     * @throws DeviceException if some of it failed
     */
    public boolean isDone() {
        return use(engine, event -> engine.onDevice(device -> device.isEventDone(event)));
    }

    /**
     * Time from this event to a later one.
     *
     * @param end recorded after this one; both are done
     * @return milliseconds
     * @throws DeviceException if one of them was not recorded, or is not done
     */
    public float millisecondsTo(CudaEvent end) {
        return use(engine, event -> end.use(engine, last -> engine.onDevice(device -> device.elapsed(event, last))));
    }

    /** Releases the event, unless it is another library's; streams that wait for it still do. Idempotent. */
    @Override
    public void close() {
        if (liveness.close() && owned) {
            engine.deviceEngine().destroyEvent(handle);
        }
    }

    /** Does something with the open event, which has to belong to that engine. */
    <R> R use(Engine user, Function<MemorySegment, R> action) {
        if (user != engine) {
            throw new IllegalArgumentException("event belongs to another engine, expected one of the same");
        }
        liveness.enter();
        try {
            return action.apply(handle);
        } finally {
            liveness.exit();
        }
    }

    /** The graph that the latest record is a part of. */
    @Nullable
    GraphRecording recording() {
        return recording;
    }
}
