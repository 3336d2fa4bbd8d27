package dev.moba4j.internal.vector;

import org.jspecify.annotations.Nullable;

/** Memory of one run: used by one at a time, pooled by the plan. */
final class VectorScratch {
    private final RunShape shape;
    private final PackedHead[] heads;
    private final @Nullable ThreadScratch[] threads;

    VectorScratch(RunShape shape, int mostThreads) {
        this.shape = shape;
        heads = new PackedHead[shape.waveHeads()];
        for (int i = 0; i < heads.length; i++) {
            heads[i] = new PackedHead();
        }
        threads = new ThreadScratch[mostThreads];
    }

    /** Packed buffers of a key-value head of the wave. */
    PackedHead head(int index) {
        return heads[index];
    }

    /** Memory of one thread of the run, made when it first works. */
    ThreadScratch thread(int slot) {
        ThreadScratch scratch = threads[slot];
        if (scratch == null) {
            scratch = new ThreadScratch(shape);
            threads[slot] = scratch;
        }
        return scratch;
    }
}
