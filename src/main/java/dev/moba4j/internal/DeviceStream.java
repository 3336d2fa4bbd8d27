package dev.moba4j.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A stream of a device, and the recording it takes part in, if there is one. */
public final class DeviceStream {
    private final MemorySegment handle;
    private volatile @Nullable GraphRecording recording;

    /**
     * A stream.
     *
     * @param handle a {@code cudaStream_t}
     */
    public DeviceStream(MemorySegment handle) {
        this.handle = handle;
    }

    /** The {@code cudaStream_t}. */
    public MemorySegment handle() {
        return handle;
    }

    /** What is enqueued goes into this recording instead of being done; null if it is done. */
    public @Nullable GraphRecording recording() {
        return recording;
    }

    void recording(@Nullable GraphRecording recording) {
        this.recording = recording;
    }
}
