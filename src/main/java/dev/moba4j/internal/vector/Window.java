package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.CHUNK;
import static dev.moba4j.internal.vector.Lanes.PANEL;

import dev.moba4j.RunCancelledException;
import dev.moba4j.internal.RunSignals;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One task: a window of consecutive queries of one head, or of a group of heads that route together. Key-block-major: the
 * window's selection is turned into a list of rows per block, and each packed block is read once for all rows that selected
 * it.
 */
final class Window {
    private final VectorRun run;
    private final RunShape shape;
    private final SequenceLayout sequence;
    private final PackedHead packed;
    private final ThreadScratch scratch;
    private final int firstRow;
    private final int rows;
    private final int width;

    /**
     * A window.
     *
     * @param packed buffers of the key-value head that the query heads read
     * @param firstRow a query of the sequence
     */
    Window(VectorRun run, SequenceLayout sequence, PackedHead packed, ThreadScratch scratch, int firstRow) {
        this.run = run;
        this.shape = run.shape();
        this.sequence = sequence;
        this.packed = packed;
        this.scratch = scratch;
        this.firstRow = firstRow;
        this.rows = Math.min(shape.windowRows(), sequence.queries() - firstRow);
        this.width = sequence.dense() ? 0 : run.selectionWidth(sequence);
    }

    /** Routes and attends, as far as the run asks for it. */
    void work(long firstHead) {
        int heads = shape.taskHeads();
        for (int i = 0; i < heads; i++) {
            readQueries(firstHead + i, scratch.queries[i]);
        }
        if (!sequence.dense() && !run.isGiven()) {
            route();
        }
        for (int i = 0; i < heads; i++) {
            long head = firstHead + i;
            if (!sequence.dense() && run.isGiven()) {
                readSelection(head);
            }
            if (run.selected() != null) {
                writeSelection(head, run.selected());
            }
            if (run.o() != null) {
                attend(scratch.queries[i]);
                finish(head, run.o());
            }
        }
    }

    private void readQueries(long head, float[] queries) {
        for (int row = 0; row < rows; row++) {
            run.q().read(sequence.batch(), token(row), head, queries, row * shape.headDim(), scratch.halves);
        }
    }

    private void route() {
        for (int row = 0; row < rows; row += PANEL) {
            requireNotCancelled();
            scratch.routing.route(
                    sequence,
                    packed,
                    scratch.queries,
                    shape.taskHeads(),
                    row,
                    Math.min(PANEL, rows - row),
                    firstRow,
                    scratch.selected,
                    width);
        }
    }

    /** Copies the given selection. It was validated, but may have been written to since: what is wrong ends the row. */
    private void readSelection(long head) {
        IntRows given = run.given();
        for (int row = 0; row < rows; row++) {
            int begin = row * width;
            int previous = -1;
            Arrays.fill(scratch.selected, begin, begin + width, -1);
            for (int i = 0; i < width; i++) {
                int block = given.get(sequence.batch(), token(row), head, i);
                if (block <= previous || block >= sequence.blocks()) {
                    break;
                }
                scratch.selected[begin + i] = block;
                previous = block;
            }
        }
    }

    /** A sequence that is attended to in full selects every block up to the last visible key. */
    private void writeSelection(long head, IntRows selected) {
        for (int row = 0; row < rows; row++) {
            int last = sequence.lastVisibleKey(firstRow + row);
            long visible = last < 0 ? 0 : last / run.blockSize() + 1;
            for (int i = 0; i < run.selectedWidth(); i++) {
                int block = -1;
                if (sequence.dense()) {
                    block = i < visible ? i : -1;
                } else if (i < width) {
                    block = scratch.selected[row * width + i];
                }
                selected.set(sequence.batch(), token(row), head, i, block);
            }
        }
    }

    private void attend(float[] queries) {
        scratch.state.begin(rows, RunShape.compensates(sequence));
        if (sequence.dense()) {
            if (sequence.blocks() > 0) {
                visitBlock(0, queries, scratch.identity, 0, rows);
            }
            return;
        }
        BlockLists lists = scratch.lists;
        lists.build(scratch.selected, rows, width, sequence.blocks());
        for (int block = 0; block < sequence.blocks(); block++) {
            visitBlock(block, queries, lists.rows, lists.begin[block], lists.begin[block + 1]);
        }
    }

    private void visitBlock(int block, float[] queries, int[] list, int listBegin, int end) {
        boolean causal = sequence.causal();
        int firstLimit = sequence.lastVisibleKey(firstRow);
        int length = sequence.blockLength(block);
        int begin = listBegin;
        for (int first = 0; first < length && begin < end; first += CHUNK) {
            requireNotCancelled();
            int firstKey = block * sequence.blockSize() + first;
            if (causal) {
                begin = firstSeeing(list, begin, end, (long) firstKey - firstLimit);
            }
            scratch.visit.visit(
                    sequence,
                    packed.chunk(sequence.chunk(block, first)),
                    sequence.placeInChunk(block),
                    firstKey,
                    Math.min(CHUNK, length - first),
                    queries,
                    list,
                    begin,
                    end,
                    firstLimit,
                    causal ? 1 : 0,
                    shape.scoreScale(),
                    scratch.state);
        }
    }

    /** First place in an ascending list whose row is at least {@code least}: rows before a chunk do not see it. */
    private static int firstSeeing(int[] list, int begin, int end, long least) {
        int low = begin;
        int high = end;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (list[middle] < least) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private void finish(long head, StoredRows o) {
        for (int row = 0; row < rows; row++) {
            float lse = scratch.state.finish(row, seesKeys(row), shape.scoreScale(), scratch.row);
            o.write(sequence.batch(), token(row), head, scratch.row, scratch.halves);
            if (run.lse() != null) {
                run.lse().set(sequence.batch(), token(row), head, 0, Float.floatToRawIntBits(lse));
            }
        }
    }

    private boolean seesKeys(int row) {
        return sequence.lastVisibleKey(firstRow + row) >= 0 && (sequence.dense() || scratch.selected[row * width] >= 0);
    }

    private long token(int row) {
        return sequence.queryBegin() + firstRow + row;
    }

    private void requireNotCancelled() {
        @Nullable RunSignals signals = run.signals();
        if (signals != null && signals.isCancelled()) {
            throw new RunCancelledException("the run was cancelled");
        }
    }
}
