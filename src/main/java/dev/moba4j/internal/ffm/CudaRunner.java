package dev.moba4j.internal.ffm;

import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.internal.DeviceStream;
import dev.moba4j.internal.GraphRecording;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * Enqueues runs. The workspace serves one run at a time: those of one stream, which follow each other; after an event
 * another stream's; and where a run was recorded, that graph's alone for as long as it lives.
 */
final class CudaRunner extends NativeRunner {
    private final CudaEngine engine;
    private final MemorySegment event;
    private final MemorySegment eventDone = Arena.ofAuto().allocate(ValueLayout.JAVA_INT);

    /** Where the latest run was enqueued; null after one that was waited for. */
    private @Nullable DeviceStream stream;

    /** The recording that the latest run is a part of. */
    private volatile @Nullable GraphRecording keptBy;

    private boolean failed;

    /** Takes over the event and the workspace. */
    CudaRunner(MemorySegment plan, MemorySegment event, MemorySegment workspace, CudaEngine engine) {
        super(plan, workspace);
        this.engine = engine;
        this.event = event;
    }

    @Override
    public boolean claim(@Nullable DeviceStream next) {
        if (failed || !isFree(next)) {
            return false;
        }
        stream = next;
        return true;
    }

    private boolean isFree(@Nullable DeviceStream next) {
        GraphRecording recording = next == null ? null : next.recording();
        if (keptBy != null) {
            return recording == keptBy && stream == next;
        }
        boolean follows = recording == null && stream == next; // a graph may be launched on another stream
        return stream == null || follows || isEventDone();
    }

    /** Allocates nothing, unlike the engine's. */
    private boolean isEventDone() {
        NativeStatus.check(MobaLibrary.moba_event_query(engine.handle(), event, eventDone));
        return eventDone.get(ValueLayout.JAVA_INT, 0) != 0;
    }

    @Override
    MemorySegment stream() {
        return stream == null ? MemorySegment.NULL : stream.handle();
    }

    /** Waits for a run without a stream; notes when the workspace of any other is free again. */
    @Override
    void ended(int status) {
        // Of a run that the device refused a part may be under way: then the workspace serves no other.
        failed = status == MobaLibrary.MOBA_DEVICE_ERROR();
        NativeStatus.check(status);
        failed = true;
        GraphRecording recording = stream == null ? null : stream.recording();
        if (stream == null) {
            engine.synchronizeStream(MemorySegment.NULL);
        } else if (recording == null) {
            engine.recordEvent(event, stream.handle());
        } else if (keptBy == null) {
            keptBy = recording;
            recording.whenReleased(() -> keptBy = null);
        }
        failed = false;
    }

    @Override
    void freeWorkspace(MemorySegment workspace) {
        engine.freeWorkspace(workspace);
        engine.destroyEvent(event);
    }
}
