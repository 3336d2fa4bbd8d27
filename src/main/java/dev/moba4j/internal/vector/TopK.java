package dev.moba4j.internal.vector;

/**
 * The best candidates of one query: a heap in shared memory. A candidate is a 64-bit integer that orders by score, then by
 * lower block index; NaN ranks below every number, minus zero equals zero (specification, section 2).
 */
final class TopK {
    /** Orders below the key of every score, NaN included. */
    static final int NO_SCORE = Integer.MIN_VALUE;

    /** Key of NaN. */
    static final int NAN_SCORE = Integer.MIN_VALUE + 1;

    private static final long LOW_BITS = 0xFFFFFFFFL;

    private final long[] heap;
    private final int begin;
    private final int capacity;
    private int size;

    /**
     * An empty list.
     *
     * @param heap memory, of which {@code capacity} entries from {@code begin} are used
     */
    TopK(long[] heap, int begin, int capacity) {
        this.heap = heap;
        this.begin = begin;
        this.capacity = capacity;
    }

    int size() {
        return size;
    }

    int block(int index) {
        return ~(int) heap[begin + index];
    }

    /** Key that a later candidate, of a higher block index, has to exceed to enter. */
    int threshold() {
        if (size < capacity) {
            return NO_SCORE;
        }
        return capacity == 0 ? Integer.MAX_VALUE : (int) (heap[begin] >> Integer.SIZE);
    }

    /** Adds a candidate whose key exceeds the threshold. */
    void add(int scoreKey, int block) {
        long candidate = (long) scoreKey << Integer.SIZE | ~block & LOW_BITS;
        if (size < capacity) {
            siftUp(size++, candidate);
        } else {
            siftDown(candidate);
        }
    }

    private void siftUp(int from, long candidate) {
        int at = from;
        while (at > 0) {
            int parent = (at - 1) / 2;
            if (heap[begin + parent] <= candidate) {
                break;
            }
            heap[begin + at] = heap[begin + parent];
            at = parent;
        }
        heap[begin + at] = candidate;
    }

    private void siftDown(long candidate) {
        int at = 0;
        int child = 1;
        while (child < size) {
            if (child + 1 < size && heap[begin + child + 1] < heap[begin + child]) {
                child++;
            }
            if (candidate <= heap[begin + child]) {
                break;
            }
            heap[begin + at] = heap[begin + child];
            at = child;
            child = 2 * at + 1;
        }
        heap[begin + at] = candidate;
    }
}
