package dev.moba4j.cli;

import dev.moba4j.AttentionInputs;
import dev.moba4j.Engine;
import dev.moba4j.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/** The tensors of an operation where its engine works: those of the files themselves, or copies on a device. */
final class Placement implements AutoCloseable {
    private final Engine engine;
    private final Arena arena = Arena.ofShared();
    private final List<Copy> outputs = new ArrayList<>();

    private record Copy(Tensor onDevice, Tensor ofFile) {}

    Placement(Engine engine) {
        this.engine = engine;
    }

    /** Whether tensors are copied to a device, whose runs cannot tell what is wrong with a selection. */
    boolean isOnDevice() {
        return !engine.device().isCpu();
    }

    /** Inputs to run with; {@code cuSeqlens} are read by the processor. */
    AttentionInputs inputs(AttentionInputs ofFile) {
        return new AttentionInputs(
                input(ofFile.q()),
                input(ofFile.k()),
                ofFile.v() == null ? null : input(ofFile.v()),
                ofFile.cuSeqlensQ(),
                ofFile.cuSeqlensK());
    }

    /** An input to run with. */
    Tensor input(Tensor ofFile) {
        if (!isOnDevice()) {
            return ofFile;
        }
        Tensor onDevice = engine.allocate(arena, ofFile.dtype(), ofFile.shape());
        engine.copy(ofFile, onDevice);
        return onDevice;
    }

    /** An output to run with; {@link #finish} brings it to its place. */
    Tensor output(Tensor ofFile) {
        if (!isOnDevice()) {
            return ofFile;
        }
        Tensor onDevice = engine.allocate(arena, ofFile.dtype(), ofFile.shape());
        outputs.add(new Copy(onDevice, ofFile));
        return onDevice;
    }

    /** Copies what was computed on a device. */
    void finish() {
        outputs.forEach(copy -> engine.copy(copy.onDevice, copy.ofFile));
    }

    @Override
    public void close() {
        arena.close();
    }
}
