package dev.moba4j.internal.ffm;

import dev.moba4j.Device;
import dev.moba4j.DeviceMemory;
import dev.moba4j.MobaOutOfMemoryException;
import dev.moba4j.OutOfDeviceMemoryException;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.internal.DeviceEngine;
import dev.moba4j.internal.MergeOperands;
import dev.moba4j.internal.Runner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToIntFunction;

/**
 * A {@code moba_engine} on a CUDA device. What it gave is released by calls that need the handle, so the handle goes with
 * the last of these things, if the engine is closed before.
 */
final class CudaEngine extends NativeEngine implements DeviceEngine {
    private static final MemorySegment DEFAULT_STREAM = MemorySegment.NULL;

    private final int ordinal;
    private final AtomicLong holders = new AtomicLong(1);

    /** Takes over the handle. */
    CudaEngine(MemorySegment handle, int ordinal) {
        super(handle);
        this.ordinal = ordinal;
    }

    /** The calling thread, which enqueues. */
    @Override
    public int threads() {
        return 1;
    }

    @Override
    public Device memoryDevice() {
        return Device.cuda(ordinal);
    }

    @Override
    Runner newRunner(MemorySegment plan, long workspaceBytes) {
        MemorySegment event = createEvent();
        try {
            MemorySegment workspace =
                    allocate(MobaLibrary.MOBA_MEMORY_DEVICE(), workspaceBytes).reinterpret(workspaceBytes);
            return new CudaRunner(plan, event, workspace, this);
        } catch (RuntimeException e) {
            destroyEvent(event);
            throw e;
        }
    }

    @Override
    public void mergeStates(MergeOperands operands) {
        mergeStates(operands, DEFAULT_STREAM);
        synchronizeStream(DEFAULT_STREAM);
    }

    @Override
    public MemorySegment allocate(Arena arena, long bytes) {
        return owned(arena, MobaLibrary.MOBA_MEMORY_DEVICE(), bytes);
    }

    @Override
    public MemorySegment allocatePinned(Arena arena, long bytes) {
        return owned(arena, MobaLibrary.MOBA_MEMORY_PINNED(), bytes);
    }

    private MemorySegment owned(Arena arena, int memory, long bytes) {
        MemorySegment address = allocate(memory, bytes);
        try {
            return address.reinterpret(bytes, arena, freed -> free(memory, freed));
        } catch (RuntimeException e) { // the arena is closed, or another thread's
            free(memory, address);
            throw e;
        }
    }

    /** Waits for work that uses the workspace. */
    void freeWorkspace(MemorySegment workspace) {
        free(MobaLibrary.MOBA_MEMORY_DEVICE(), workspace);
    }

    private MemorySegment allocate(int memory, long bytes) {
        try {
            return created(result -> MobaLibrary.moba_memory_allocate(handle(), memory, bytes, result));
        } catch (MobaOutOfMemoryException e) {
            String message = e.getMessage() + "; asked for " + bytes + " bytes";
            throw memory == MobaLibrary.MOBA_MEMORY_DEVICE()
                    ? new OutOfDeviceMemoryException(message, e)
                    : new MobaOutOfMemoryException(message, e);
        }
    }

    private void free(int memory, MemorySegment address) {
        released(MobaLibrary.moba_memory_free(handle(), memory, address));
    }

    @Override
    public DeviceMemory memory() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment free = arena.allocate(ValueLayout.JAVA_LONG);
            MemorySegment total = arena.allocate(ValueLayout.JAVA_LONG);
            NativeStatus.check(MobaLibrary.moba_memory_info(handle(), free, total));
            return new DeviceMemory(free.get(ValueLayout.JAVA_LONG, 0), total.get(ValueLayout.JAVA_LONG, 0));
        }
    }

    @Override
    public void copy(MemorySegment target, MemorySegment source, long bytes, MemorySegment stream) {
        NativeStatus.check(MobaLibrary.moba_memory_copy(handle(), target, source, bytes, stream));
    }

    @Override
    public MemorySegment createStream() {
        return created(stream -> MobaLibrary.moba_stream_create(handle(), stream));
    }

    @Override
    public void destroyStream(MemorySegment stream) {
        released(MobaLibrary.moba_stream_destroy(handle(), stream));
    }

    @Override
    public void synchronizeStream(MemorySegment stream) {
        NativeStatus.check(MobaLibrary.moba_stream_synchronize(handle(), stream));
    }

    @Override
    public boolean isStreamDone(MemorySegment stream) {
        return answer(done -> MobaLibrary.moba_stream_query(handle(), stream, done)) != 0;
    }

    @Override
    public void waitForEvent(MemorySegment stream, MemorySegment event) {
        NativeStatus.check(MobaLibrary.moba_stream_wait_event(handle(), stream, event));
    }

    @Override
    public MemorySegment createEvent() {
        return created(event -> MobaLibrary.moba_event_create(handle(), event));
    }

    @Override
    public void destroyEvent(MemorySegment event) {
        released(MobaLibrary.moba_event_destroy(handle(), event));
    }

    @Override
    public void recordEvent(MemorySegment event, MemorySegment stream) {
        NativeStatus.check(MobaLibrary.moba_event_record(handle(), event, stream));
    }

    @Override
    public void synchronizeEvent(MemorySegment event) {
        NativeStatus.check(MobaLibrary.moba_event_synchronize(handle(), event));
    }

    @Override
    public boolean isEventDone(MemorySegment event) {
        return answer(done -> MobaLibrary.moba_event_query(handle(), event, done)) != 0;
    }

    @Override
    public float elapsed(MemorySegment start, MemorySegment end) {
        return Float.intBitsToFloat(
                (int) answer(milliseconds -> MobaLibrary.moba_event_elapsed(handle(), start, end, milliseconds)));
    }

    @Override
    public void beginGraph(MemorySegment stream) {
        NativeStatus.check(MobaLibrary.moba_graph_begin(handle(), stream));
    }

    @Override
    public MemorySegment endGraph(MemorySegment stream) {
        return created(graph -> MobaLibrary.moba_graph_end(handle(), stream, graph));
    }

    @Override
    public void launchGraph(MemorySegment graph, MemorySegment stream) {
        NativeStatus.check(MobaLibrary.moba_graph_launch(handle(), graph, stream));
    }

    @Override
    public void destroyGraph(MemorySegment graph) {
        released(MobaLibrary.moba_graph_destroy(handle(), graph));
    }

    @Override
    public void close() {
        release();
    }

    /** What a call makes, which holds the engine until {@link #released}. */
    private MemorySegment created(ToIntFunction<MemorySegment> call) {
        MemorySegment handle = MemorySegment.ofAddress(answer(call));
        holders.incrementAndGet();
        return handle;
    }

    private void released(int status) {
        try {
            NativeStatus.check(status);
        } finally {
            release();
        }
    }

    private void release() {
        if (holders.decrementAndGet() == 0) {
            super.close();
        }
    }

    /** What a call writes: an address, or an int or float in its lower half, for the platforms of CUDA are little-endian. */
    private static long answer(ToIntFunction<MemorySegment> call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
            NativeStatus.check(call.applyAsInt(result));
            return result.get(ValueLayout.JAVA_LONG, 0);
        }
    }
}
