package dev.moba4j.internal;

import dev.moba4j.DeviceMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * An engine on a CUDA device. Besides runs it gives memory, streams, events and graphs of that device, as the handles that
 * CUDA knows. What it gave may be released after the engine was closed.
 */
public interface DeviceEngine extends BackendEngine {
    /** Memory of the device, not cleared; closing the arena waits for work that uses it and frees it. */
    MemorySegment allocate(Arena arena, long bytes);

    /** Page-locked memory of the processor, not cleared; closing the arena waits for work that uses it and frees it. */
    MemorySegment allocatePinned(Arena arena, long bytes);

    /** How much memory the device has. */
    DeviceMemory memory();

    /** Enqueues a copy. */
    void copy(MemorySegment target, MemorySegment source, long bytes, MemorySegment stream);

    /** Enqueues a merge of validated states. */
    void mergeStates(MergeOperands operands, MemorySegment stream);

    /** A new stream. */
    MemorySegment createStream();

    /** Releases a stream. */
    void destroyStream(MemorySegment stream);

    /** Waits for all that was enqueued on a stream; NULL is the default one. */
    void synchronizeStream(MemorySegment stream);

    /** Whether all that was enqueued on a stream is done. */
    boolean isStreamDone(MemorySegment stream);

    /** Makes a stream wait for the latest record of an event. */
    void waitForEvent(MemorySegment stream, MemorySegment event);

    /** A new event. */
    MemorySegment createEvent();

    /** Releases an event. */
    void destroyEvent(MemorySegment event);

    /** Makes an event stand for what a stream holds now. */
    void recordEvent(MemorySegment event, MemorySegment stream);

    /** Waits for an event. */
    void synchronizeEvent(MemorySegment event);

    /** Whether an event has passed. */
    boolean isEventDone(MemorySegment event);

    /** Milliseconds between two events that have passed. */
    float elapsed(MemorySegment start, MemorySegment end);

    /** Begins to record a graph. */
    void beginGraph(MemorySegment stream);

    /** Ends the recording; the graph can be launched. */
    MemorySegment endGraph(MemorySegment stream);

    /** Enqueues a graph. */
    void launchGraph(MemorySegment graph, MemorySegment stream);

    /** Releases a graph. */
    void destroyGraph(MemorySegment graph);
}
