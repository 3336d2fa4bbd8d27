package dev.moba4j.internal.vector;

import java.util.Arrays;

/** A window's selection turned round: from the blocks of each row to the rows of each block (counting sort). */
final class BlockLists {
    /** After {@link #build}, the rows of block b are {@code rows[begin[b]] .. rows[begin[b + 1]]}, ascending. */
    final int[] begin;

    final int[] rows;

    BlockLists(int mostBlocks, int mostEntries) {
        begin = new int[mostBlocks + 2];
        rows = new int[mostEntries];
    }

    /**
     * Builds the lists.
     *
     * @param selected {@code width} ascending block indices per row, -1 at the end
     */
    void build(int[] selected, int numRows, int width, int numBlocks) {
        // Counts are kept two places further on, so that placing the rows leaves each block's begin.
        Arrays.fill(begin, 0, numBlocks + 2, 0);
        for (int i = 0; i < numRows * width; i++) {
            if (selected[i] >= 0) {
                begin[selected[i] + 2]++;
            }
        }
        for (int block = 2; block < numBlocks + 2; block++) {
            begin[block] += begin[block - 1];
        }
        for (int row = 0; row < numRows; row++) {
            for (int i = row * width; i < (row + 1) * width && selected[i] >= 0; i++) {
                rows[begin[selected[i] + 1]++] = row;
            }
        }
    }
}
