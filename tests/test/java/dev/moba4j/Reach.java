package dev.moba4j;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory of tests that Java and the device of an engine reach at one address: page-locked where there is a device. Java sees
 * it as the processor's, and runs are given views of the same memory as the device's.
 */
final class Reach {
    private Reach() {}

    static MemorySegment memory(Engine engine, Arena arena, long bytes) {
        long longs = Math.ceilDiv(bytes, Long.BYTES);
        return engine.allocatePinned(arena, DType.I64, longs).segment().asSlice(0, bytes);
    }

    static Tensor floats(Engine engine, Arena arena, DType dtype, float[] values, long... shape) {
        Tensor tensor = engine.allocatePinned(arena, dtype, shape);
        tensor.segment()
                .copyFrom(Tensor.ofFloats(Arena.ofAuto(), dtype, values, shape).segment());
        return tensor;
    }

    /** The tensor as the engine's runs are to be given it; null stays null. */
    static Tensor of(Engine engine, Tensor tensor) {
        return tensor == null || engine.device().isCpu()
                ? tensor
                : Tensor.wrap(engine.device(), tensor.segment(), tensor.dtype(), tensor.shape(), tensor.strides());
    }

    /** The processor reads cuSeqlens. */
    static AttentionInputs of(Engine engine, AttentionInputs in) {
        return new AttentionInputs(
                of(engine, in.q()), of(engine, in.k()), of(engine, in.v()), in.cuSeqlensQ(), in.cuSeqlensK());
    }

    static AttentionOutputs of(Engine engine, AttentionOutputs out) {
        return AttentionOutputs.of(of(engine, out.o()), of(engine, out.lse()), of(engine, out.selected()));
    }
}
