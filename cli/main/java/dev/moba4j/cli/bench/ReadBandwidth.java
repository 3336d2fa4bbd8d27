package dev.moba4j.cli.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * How fast memory can be read: a loop that does nothing else, over data of its own. What it reads drives everything else out of the
 * caches, so that the keys and values of a step of decoding come from memory each time, as they do between other layers.
 */
final class ReadBandwidth {
    private static final long BYTES = 1L << 29;
    /** Read at once: more than caches hold. */
    private static final long SLICE_BYTES = BYTES / 4;

    private static final VectorSpecies<Integer> SPECIES = IntVector.SPECIES_PREFERRED;
    private static final int VECTOR = SPECIES.vectorByteSize();
    private static final int AT_ONCE = 4;
    private static final long WARM_UP_BYTES = 1 << 20;
    private static final int WARM_UP = 300;
    private static volatile int sink;

    private final int threads;
    private final MemorySegment memory;
    private long next;

    /** Of so many threads, with memory of {@code arena}, which must be shared. */
    ReadBandwidth(int threads, Arena arena) {
        this.threads = threads;
        this.memory = arena.allocate(BYTES);
    }

    /** Runs until the loop is compiled. */
    static void warmUp() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(WARM_UP_BYTES);
            for (int i = 0; i < WARM_UP; i++) {
                measure(1, memory);
            }
        }
    }

    /** GB/s (10⁹ bytes) of the next slice. */
    double measure() {
        double rate = measure(threads, memory.asSlice(next, SLICE_BYTES));
        next = (next + SLICE_BYTES) % BYTES;
        return rate;
    }

    private static double measure(int threads, MemorySegment segment) {
        long share = segment.byteSize() / threads / (AT_ONCE * VECTOR) * (AT_ONCE * VECTOR);
        long start = System.nanoTime();
        Team.sum(threads, thread -> read(segment.asSlice(thread * share, share)));
        return share * threads / ((System.nanoTime() - start) / 1e9) / 1e9;
    }

    private static double read(MemorySegment memory) {
        IntVector a = IntVector.zero(SPECIES);
        IntVector b = a;
        IntVector c = a;
        IntVector d = a;
        for (long offset = 0; offset < memory.byteSize(); offset += AT_ONCE * VECTOR) {
            a = a.add(at(memory, offset));
            b = b.add(at(memory, offset + VECTOR));
            c = c.add(at(memory, offset + 2 * VECTOR));
            d = d.add(at(memory, offset + 3 * VECTOR));
        }
        sink = a.add(b).add(c).add(d).lane(0);
        return 0;
    }

    private static IntVector at(MemorySegment memory, long offset) {
        return IntVector.fromMemorySegment(SPECIES, memory, offset, ByteOrder.nativeOrder());
    }
}
