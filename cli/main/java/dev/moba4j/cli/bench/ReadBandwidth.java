package dev.moba4j.cli.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/** How fast memory can be read: a loop that does nothing else, over the very memory that attention reads beside it. */
final class ReadBandwidth {
    private static final VectorSpecies<Integer> SPECIES = IntVector.SPECIES_PREFERRED;
    private static final int VECTOR = SPECIES.vectorByteSize();
    private static final int AT_ONCE = 4;
    private static final long WARM_UP_BYTES = 1 << 20;
    private static final int WARM_UP = 300;
    private static volatile int sink;

    private ReadBandwidth() {}

    /** Runs until the loop is compiled. */
    static void warmUp() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(WARM_UP_BYTES);
            for (int i = 0; i < WARM_UP; i++) {
                measure(1, memory);
            }
        }
    }

    /** GB/s (10⁹ bytes) of so many threads that read all of the segments once. */
    static double measure(int threads, MemorySegment... segments) {
        long bytes = 0;
        double seconds = 0;
        for (MemorySegment segment : segments) {
            long share = segment.byteSize() / threads / (AT_ONCE * VECTOR) * (AT_ONCE * VECTOR);
            bytes += share * threads;
            long start = System.nanoTime();
            Team.sum(threads, thread -> read(segment.asSlice(thread * share, share)));
            seconds += (System.nanoTime() - start) / 1e9;
        }
        return bytes / seconds / 1e9;
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
