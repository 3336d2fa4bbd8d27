package dev.moba4j;

import dev.moba4j.internal.DeviceEngine;
import dev.moba4j.internal.DeviceStream;
import dev.moba4j.internal.GraphRecording;
import dev.moba4j.internal.Liveness;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/**
 * A CUDA stream: runs, copies and merges that are given one are enqueued, and done in this order, while the caller goes on.
 * Their tensors stay untouched until {@link #synchronize} or an event says that they are done. A run that is given none has
 * ended when its method returns; it is done in CUDA's default stream.
 *
 * <p>Thread-safe. Closing it waits for what was enqueued. After the engine is closed it can only be closed.
 *
 * {@snippet class="dev.moba4j.snippets.CudaSnippetTest" region="stream"}
 */
public final class CudaStream implements AutoCloseable {
    private final Engine engine;
    private final DeviceStream stream;
    private final boolean owned;
    private final Liveness liveness = new Liveness("stream", IllegalStateException::new, IllegalStateException::new);

    private CudaStream(Engine engine, MemorySegment handle, boolean owned) {
        this.engine = engine;
        this.stream = new DeviceStream(handle);
        this.owned = owned;
        engine.streams().add(this);
    }

    /**
     * A new stream, which neither waits for CUDA's default stream nor is waited for by it.
     *
     * @param engine of the backend "cuda"
     * @return the stream; close it when done
     * @throws IllegalArgumentException if the engine has no CUDA device
     */
    public static CudaStream create(Engine engine) {
        return engine.onDevice(device -> new CudaStream(engine, device.createStream(), true));
    }

    /**
     * The stream of another library, on the same device. It has to outlive this view; closing the view waits for what was
     * enqueued and leaves the stream as it is.
     *
     * @param engine of the backend "cuda"
     * @param handle a {@code cudaStream_t}; {@link MemorySegment#ofAddress} makes one from a number, and NULL is the default
     *     stream
     * @return the view; close it when done
     * @throws IllegalArgumentException if the engine has no CUDA device
     */
    public static CudaStream wrap(Engine engine, MemorySegment handle) {
        return engine.onDevice(device -> new CudaStream(engine, handle, false));
    }

    /**
     * What CUDA calls the stream.
     *
     * @return a {@code cudaStream_t}
     */
    public MemorySegment handle() {
        return stream.handle();
    }

    /**
     * Waits until all that was enqueued is done.
     *
     * @throws DeviceException if some of it failed
     */
    public void synchronize() {
        use(device -> {
            device.synchronizeStream(stream.handle());
            return null;
        });
    }

    /**
     * Whether all that was enqueued is done. Does not wait.
     *
     * @return true if the stream is empty
     * @throws DeviceException if some of it failed
     */
    public boolean isDone() {
        return use(device -> device.isStreamDone(stream.handle()));
    }

    /**
     * Lets what is enqueued from now on begin only after the event. Does not wait itself.
     *
     * @param event recorded in this or another stream
     */
    public void waitFor(CudaEvent event) {
        use(device -> event.use(engine, recorded -> {
            device.waitForEvent(stream.handle(), recorded);
            GraphRecording recording = event.recording();
            if (recording != null && stream.recording() != recording) {
                recording.join(stream);
            }
            return null;
        }));
    }

    /**
     * Ends the use of the stream, after waiting for what was enqueued. Idempotent.
     *
     * @throws IllegalStateException if another thread is using it, or a graph is being recorded; nothing has changed then
     */
    @Override
    public void close() {
        if (liveness.close()) {
            engine.streams().remove(this);
            DeviceEngine device = engine.deviceEngine();
            try {
                await(device);
            } finally {
                if (owned) {
                    device.destroyStream(stream.handle());
                }
            }
        }
    }

    /** Waits for an open stream. */
    void awaitIfOpen(DeviceEngine device) {
        try {
            enter();
        } catch (IllegalStateException closed) {
            return; // who closed it waits
        }
        try {
            await(device);
        } finally {
            exit();
        }
    }

    /** Waits, unless the stream records: then it holds nothing to wait for. */
    private void await(DeviceEngine device) {
        if (stream.recording() == null) {
            device.synchronizeStream(stream.handle());
        }
    }

    /** Does something with the open stream of the open engine. */
    <R> R use(Function<DeviceEngine, R> action) {
        enter();
        try {
            return engine.onDevice(action);
        } finally {
            exit();
        }
    }

    void enter() {
        liveness.enter();
    }

    void exit() {
        liveness.exit();
    }

    Engine engine() {
        return engine;
    }

    DeviceStream stream() {
        return stream;
    }
}
