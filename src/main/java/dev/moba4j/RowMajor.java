package dev.moba4j;

/** Visits the elements of a {@link StridedLayout} in row-major order. */
record RowMajor(StridedLayout layout) {

    /** Receives an element's ordinal in row-major order and its offset from the first element. */
    @FunctionalInterface
    interface Visitor {
        void visit(long ordinal, long offset);
    }

    void forEach(Visitor visitor) {
        long count = layout.elementCount();
        if (count == 0) {
            return;
        }
        int last = layout.rank() - 1;
        long rowLength = layout.shape()[last];
        long[] index = new long[layout.rank()];
        for (long ordinal = 0; ordinal < count; ordinal += rowLength) {
            long offset = layout.offset(index);
            for (long i = 0; i < rowLength; i++) {
                visitor.visit(ordinal + i, offset + i * layout.strides()[last]);
            }
            advance(index, last - 1);
        }
    }

    private void advance(long[] index, int fromAxis) {
        for (int axis = fromAxis; axis >= 0; axis--) {
            index[axis]++;
            if (index[axis] < layout.shape()[axis]) {
                return;
            }
            index[axis] = 0;
        }
    }
}
