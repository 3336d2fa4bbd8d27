package dev.moba4j;

import dev.moba4j.internal.DeviceEngine;
import dev.moba4j.internal.GraphRecording;
import dev.moba4j.internal.Liveness;
import java.lang.foreign.MemorySegment;

/**
 * Runs, copies and merges that were recorded once and are launched together, at less cost than one by one. A graph holds
 * addresses: each launch reads what the tensors hold then. {@code cuSeqlens} were read when a run was recorded and stay as
 * they were.
 *
 * <p>The graph keeps the scratch memory of its runs, and their plans open. The arenas of its tensors stay the caller's:
 * launching it after one was closed throws {@link IllegalStateException}. Launches of one graph follow each other.
 * Thread-safe.
 *
 * {@snippet class="dev.moba4j.snippets.CudaSnippetTest" region="graph"}
 */
public final class CudaGraph implements AutoCloseable {
    private final Engine engine;
    private final MemorySegment handle;
    private final GraphRecording recording;
    private final Liveness liveness = new Liveness("graph", IllegalStateException::new, IllegalStateException::new);

    private CudaGraph(Engine engine, MemorySegment handle, GraphRecording recording) {
        this.engine = engine;
        this.handle = handle;
        this.recording = recording;
    }

    /**
     * Records what {@code work} enqueues on the stream, and on streams that it makes wait for the stream's events, instead of
     * doing it. If {@code work} throws, nothing was recorded.
     *
     * @param stream not CUDA's default stream
     * @param work enqueues; it waits for nothing
     * @return the graph; close it when done
     * @throws IllegalStateException if the stream is recording already
     * @throws DeviceException if CUDA cannot record what was enqueued
     */
    public static CudaGraph capture(CudaStream stream, Runnable work) {
        return stream.use(device -> capture(stream, work, device));
    }

    private static CudaGraph capture(CudaStream stream, Runnable work, DeviceEngine device) {
        if (stream.stream().recording() != null) {
            throw new IllegalStateException("the stream is recording a graph, expected one that does not");
        }
        device.beginGraph(stream.handle());
        GraphRecording recording = new GraphRecording();
        recording.join(stream.stream());
        MemorySegment graph;
        try {
            try {
                work.run();
            } catch (RuntimeException | Error e) {
                abandon(device, stream, e);
                throw e;
            } finally {
                recording.end();
            }
            graph = device.endGraph(stream.handle());
        } catch (RuntimeException | Error e) {
            recording.release();
            throw e;
        }
        return new CudaGraph(stream.engine(), graph, recording);
    }

    /** Ends a recording that is not wanted any more. */
    private static void abandon(DeviceEngine device, CudaStream stream, Throwable reason) {
        try {
            device.destroyGraph(device.endGraph(stream.handle()));
        } catch (RuntimeException e) {
            reason.addSuppressed(e);
        }
    }

    /**
     * Enqueues all of the graph.
     *
     * @param stream of the same engine
     * @throws IllegalStateException if the arena of a tensor that the graph uses is closed
     */
    public void launch(CudaStream stream) {
        engine.requireOwn(stream);
        liveness.enter();
        try {
            recording.requireMemory();
            stream.use(device -> {
                device.launchGraph(handle, stream.handle());
                return null;
            });
        } finally {
            liveness.exit();
        }
    }

    /**
     * Releases the graph, after waiting for the engine's streams, as it may be under way there. Idempotent.
     *
     * @throws IllegalStateException if it is being launched; nothing has changed then
     */
    @Override
    public void close() {
        if (liveness.close()) {
            try {
                engine.awaitStreams();
            } finally {
                try {
                    engine.deviceEngine().destroyGraph(handle);
                } finally {
                    recording.release();
                }
            }
        }
    }
}
