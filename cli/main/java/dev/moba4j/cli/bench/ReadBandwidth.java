package dev.moba4j.cli.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.List;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * How fast keys and values can be read from memory: a loop that does nothing else. Before it and after it other memory is read, which
 * drives them out of the caches, so that a step of decoding finds them where it does between other layers.
 */
final class ReadBandwidth {
    /** More than caches hold. */
    private static final long OTHER_BYTES = 1L << 27;

    private static final VectorSpecies<Integer> SPECIES = IntVector.SPECIES_PREFERRED;
    private static final int VECTOR = SPECIES.vectorByteSize();
    private static final int AT_ONCE = 4;
    private static final long WARM_UP_BYTES = 1 << 20;
    private static final int WARM_UP = 300;
    private static volatile int sink;

    private final int threads;
    private final List<MemorySegment> keysAndValues;
    private final MemorySegment other;

    /** Of so many threads. The other memory is of {@code arena}, which must be shared. */
    ReadBandwidth(int threads, List<MemorySegment> keysAndValues, Arena arena) {
        this.threads = threads;
        this.keysAndValues = keysAndValues;
        this.other = arena.allocate(OTHER_BYTES);
    }

    /** Runs until the loop is compiled. */
    static void warmUp() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(WARM_UP_BYTES);
            for (int i = 0; i < WARM_UP; i++) {
                read(1, memory);
            }
        }
    }

    /** GB/s (10⁹ bytes). Leaves no keys and values in the caches. */
    double measure() {
        read(threads, other);
        long start = System.nanoTime();
        keysAndValues.forEach(memory -> read(threads, memory));
        double seconds = (System.nanoTime() - start) / 1e9;
        read(threads, other);
        return keysAndValues.stream().mapToLong(MemorySegment::byteSize).sum() / seconds / 1e9;
    }

    /** Reads all of it but what is less than a step of the loop. */
    private static void read(int threads, MemorySegment memory) {
        long share = memory.byteSize() / threads / (AT_ONCE * VECTOR) * (AT_ONCE * VECTOR);
        Team.sum(threads, thread -> read(memory.asSlice(thread * share, share)));
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
