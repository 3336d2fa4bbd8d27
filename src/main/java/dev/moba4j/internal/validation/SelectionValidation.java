package dev.moba4j.internal.validation;

import dev.moba4j.Tensor;
import dev.moba4j.internal.Sequences;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Checks the indices of a selection that a caller hands in; the native backend does so itself. */
public final class SelectionValidation {
    private static final int PADDING = -1;

    private final Tensor selected;
    private final MemorySegment memory;
    private final long heads;
    private final long width;

    /**
     * A check of one selection.
     *
     * @param selected {@code [Tq, H, K']} or {@code [S, Tq, H, K']} of checked shape
     */
    public SelectionValidation(Tensor selected) {
        this.selected = selected;
        this.memory = selected.segment();
        this.heads = selected.dim(selected.rank() - 2);
        this.width = selected.dim(selected.rank() - 1);
    }

    /**
     * How much a sequence's rows select.
     *
     * @param all whether every row selects every block it sees
     * @param most blocks of the row that selects most
     */
    public record Extent(boolean all, int most) {}

    /**
     * Throws if an entry is out of place.
     *
     * @return the extent of each sequence
     */
    public Extent[] check(Sequences sequences, long blockSize, boolean causal) {
        Extent[] extents = new Extent[sequences.count()];
        for (int sequence = 0; sequence < sequences.count(); sequence++) {
            long blocks = sequences.blocks(sequence, blockSize);
            boolean all = true;
            int most = 0;
            long firstPosition = sequences.lengthK(sequence) - sequences.lengthQ(sequence);
            for (long i = 0; i < sequences.lengthQ(sequence); i++) {
                long eligible = causal ? Math.floorDiv(firstPosition + i, blockSize) + 1 : blocks;
                for (long head = 0; head < heads; head++) {
                    int count = checkRow(sequence, sequences.startQ(sequence), i, head, Math.max(0, eligible));
                    all &= count == Math.max(0, eligible);
                    most = Math.max(most, count);
                }
            }
            extents[sequence] = new Extent(all, most);
        }
        return extents;
    }

    /** Checks one row and counts its blocks. */
    private int checkRow(int sequence, long start, long i, long head, long eligible) {
        boolean batched = selected.rank() == 4;
        long tokenOffset =
                batched ? sequence * selected.stride(0) + i * selected.stride(1) : (start + i) * selected.stride(0);
        long rowOffset = tokenOffset + head * selected.stride(selected.rank() - 2);
        long stride = selected.stride(selected.rank() - 1);
        long before = -1;
        int count = 0;
        boolean padded = false;
        for (long c = 0; c < width; c++) {
            int block = memory.getAtIndex(ValueLayout.JAVA_INT, rowOffset + c * stride);
            if (block == PADDING) {
                padded = true;
            } else if (padded || block <= before || block >= eligible) {
                String index = batched ? sequence + ", " + i : Long.toString(start + i);
                throw refused(index + ", " + head + ", " + c, block, padded, before, eligible);
            } else {
                count++;
            }
            before = block;
        }
        return count;
    }

    private static IllegalArgumentException refused(
            String index, int block, boolean padded, long before, long eligible) {
        String expected;
        if (padded) {
            expected = "-1 after the first -1";
        } else if (block >= eligible) {
            expected = eligible == 0
                    ? "-1, since this query sees no block"
                    : "-1 or a block of at most " + (eligible - 1) + ", the last that this query sees";
        } else {
            expected = "-1 or a block above " + before + ", since blocks ascend";
        }
        return new IllegalArgumentException("selected[" + index + "] is " + block + ", expected " + expected);
    }
}
