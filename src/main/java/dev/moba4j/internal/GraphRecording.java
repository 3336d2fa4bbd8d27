package dev.moba4j.internal;

import dev.moba4j.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a graph is being made of, and then what it keeps: workspaces, and the memory whose addresses it holds. */
public final class GraphRecording {
    private final List<DeviceStream> streams = new ArrayList<>();
    private final List<MemorySegment> memory = new ArrayList<>();
    private final List<Runnable> releases = new ArrayList<>();
    private boolean ended;

    /** Makes a stream take part: the one that records, and those that wait for its events; not when it has ended. */
    public synchronized void join(DeviceStream stream) {
        if (!ended) {
            stream.recording(this);
            streams.add(stream);
        }
    }

    /** Ends the recording: the streams do again what they are given. */
    public synchronized void end() {
        streams.forEach(stream -> stream.recording(null));
        streams.clear();
        ended = true;
    }

    /** Notes the tensors that recorded work uses; absent ones are null. */
    public synchronized void uses(@Nullable Tensor... tensors) {
        for (Tensor tensor : tensors) {
            if (tensor != null) {
                memory.add(tensor.segment());
            }
        }
    }

    /** Notes what is to be done when the graph is gone. */
    public synchronized void whenReleased(Runnable release) {
        releases.add(release);
    }

    /** Throws if memory that the graph uses was freed. */
    public synchronized void requireMemory() {
        if (!memory.stream().allMatch(segment -> segment.scope().isAlive())) {
            throw new IllegalStateException("the graph uses a tensor whose arena is closed, expected all of them open");
        }
    }

    /** Lets go of everything; the graph is gone. */
    public synchronized void release() {
        releases.forEach(Runnable::run);
        releases.clear();
    }
}
