package dev.moba4j.cli.picture;

import dev.moba4j.Tensor;
import dev.moba4j.cli.Sequences;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How often the queries of one head selected each block, on a grid coarse enough to draw. Blocks of a packed batch are
 * numbered through: those of the second sequence follow those of the first.
 */
final class SelectionDensity {
    private final long queries;
    private final long blocks;
    private final float[][] share;

    private SelectionDensity(long queries, long blocks, int columns, int rows) {
        this.queries = queries;
        this.blocks = blocks;
        this.share = new float[columns][rows];
    }

    /**
     * Counts one head's selections.
     *
     * @param selected contiguous {@code [Tq, H, K']} I32
     * @param maxColumns finest grid over the queries
     * @param maxRows finest grid over the blocks
     */
    static SelectionDensity of(
            Tensor selected, long head, Sequences sequences, long blockSize, int maxColumns, int maxRows) {
        long[] firstBlock = new long[sequences.count() + 1];
        for (int s = 0; s < sequences.count(); s++) {
            firstBlock[s + 1] = firstBlock[s] + sequences.blocks(s, blockSize);
        }
        long queries = selected.dim(0);
        long blocks = firstBlock[sequences.count()];
        SelectionDensity density = new SelectionDensity(
                queries, blocks, (int) Math.min(queries, maxColumns), (int) Math.min(blocks, maxRows));
        for (int s = 0; s < sequences.count(); s++) {
            density.count(selected, head, sequences.queryStarts()[s], sequences.queryStarts()[s + 1], firstBlock[s]);
        }
        density.divideByQueries();
        return density;
    }

    private void count(Tensor selected, long head, long fromQuery, long toQuery, long firstBlock) {
        MemorySegment rows = selected.segment();
        long width = selected.dim(2);
        for (long query = fromQuery; query < toQuery; query++) {
            long row = (query * selected.dim(1) + head) * width;
            for (long e = row; e < row + width; e++) {
                int block = rows.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, e);
                if (block >= 0) {
                    share[column(query)][row(firstBlock + block)]++;
                }
            }
        }
    }

    private void divideByQueries() {
        for (int column = 0; column < columns(); column++) {
            float queriesHere = firstQuery(column + 1) - firstQuery(column);
            for (int row = 0; row < rows(); row++) {
                share[column][row] = Math.min(1, share[column][row] / queriesHere);
            }
        }
    }

    private int column(long query) {
        return (int) (query * columns() / queries);
    }

    private long firstQuery(int column) {
        return Math.ceilDiv(column * queries, columns());
    }

    private int row(long block) {
        return (int) (block * rows() / blocks);
    }

    /** Cells along the queries. */
    int columns() {
        return share.length;
    }

    /** Cells along the blocks. */
    int rows() {
        return share.length == 0 ? 0 : share[0].length;
    }

    /** Blocks of all sequences. */
    long blocks() {
        return blocks;
    }

    /** Query tokens of all sequences. */
    long queries() {
        return queries;
    }

    /** Share of a cell's queries that selected a block of the cell, 0 to 1. */
    float at(int column, int row) {
        return share[column][row];
    }
}
