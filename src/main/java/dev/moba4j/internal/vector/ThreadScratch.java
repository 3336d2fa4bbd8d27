package dev.moba4j.internal.vector;

/** Memory of one thread of a run. */
final class ThreadScratch {
    /** Queries of the window, widened: {@code [head of the task][row][D]}. */
    final float[][] queries;

    final int[] selected;

    /** 0, 1, 2, ...: the row list of dense windows. */
    final int[] identity;

    final BlockLists lists;
    final RowState state;
    final ChunkVisit visit;
    final PanelRouting routing;
    final float[] row;
    final short[] halves;
    final double[] sums;

    ThreadScratch(RunShape shape) {
        int rows = shape.windowRows();
        int channels = Math.max(shape.headDim(), shape.valuePitch());
        queries = new float[shape.taskHeads()][rows * shape.headDim()];
        selected = new int[rows * shape.widestSelection()];
        identity = new int[rows];
        for (int i = 0; i < rows; i++) {
            identity[i] = i;
        }
        lists = new BlockLists(shape.mostBlocks(), selected.length);
        state = new RowState(rows, shape.valuePitch(), shape.mayCompensate());
        visit = new ChunkVisit(shape.headDim(), shape.valuePitch());
        routing = new PanelRouting(shape.spec().options(), shape.headDim(), shape.widestSelection());
        row = new float[channels];
        halves = new short[channels];
        sums = new double[shape.headDim()];
    }
}
