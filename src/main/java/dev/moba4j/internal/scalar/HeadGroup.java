package dev.moba4j.internal.scalar;

import dev.moba4j.AttentionOptions;
import dev.moba4j.DType;
import dev.moba4j.Routing;
import dev.moba4j.Tensor;
import dev.moba4j.internal.RunSignals;
import dev.moba4j.internal.TaskPool;
import java.util.Arrays;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** One key-value head of one sequence with the query heads that read it. Tensors are the sequence's views. */
final class HeadGroup {
    private final AttentionOptions options;
    private final TaskPool pool;
    private final @Nullable RunSignals signals;
    private final HeadMatrix[] queries;
    private final HeadMatrix keys;
    private final DType dtype;
    private final long kvHead;

    /**
     * Reads queries and keys.
     *
     * @param q {@code [Lq, H, D]}
     * @param k {@code [Lk, G, D]}
     */
    HeadGroup(AttentionOptions options, TaskPool pool, @Nullable RunSignals signals, Tensor q, Tensor k, long kvHead) {
        this.options = options;
        this.pool = pool;
        this.signals = signals;
        this.dtype = k.dtype();
        this.kvHead = kvHead;
        this.keys = HeadMatrix.read(k, kvHead);
        this.queries = new HeadMatrix[(int) (q.dim(1) / k.dim(1))];
        for (int i = 0; i < queries.length; i++) {
            queries[i] = HeadMatrix.read(q, head(i));
        }
    }

    /** Chooses blocks: indexed by query head of the group, then by query. */
    int[][][] route() {
        HeadMatrix centroids = Centroids.of(keys, options.blockSize(), dtype);
        BlockChoice choice = new BlockChoice(options);
        int[][][] chosen = new int[queries.length][rows()][];
        forEachRow(row -> {
            double[][] scores = new double[queries.length][];
            for (int i = 0; i < queries.length; i++) {
                scores[i] = scores(queries[i], row, centroids);
            }
            if (options.routing() == Routing.PER_GROUP) {
                Arrays.fill(scores, sum(scores));
            }
            for (int i = 0; i < queries.length; i++) {
                chosen[i][row] = choice.choose(scores[i], position(row));
            }
        });
        return chosen;
    }

    /** Attends to the chosen blocks and writes o, and lse unless it is null. */
    void attendTo(int[][][] chosen, Tensor v, Tensor o, @Nullable Tensor lse) {
        for (int i = 0; i < queries.length; i++) {
            int[][] ofHead = chosen[i];
            attend(i, row -> keysOf(ofHead[row], row), v, o, lse);
        }
    }

    /** Attends to every visible key and writes o, and lse unless it is null. */
    void attendToAll(Tensor v, Tensor o, @Nullable Tensor lse) {
        for (int i = 0; i < queries.length; i++) {
            attend(i, row -> IntStream.range(0, visibleEnd(row)).toArray(), v, o, lse);
        }
    }

    /** Writes chosen blocks to {@code selected [Lq, H, K']}, padded with -1. */
    void writeSelected(int[][][] chosen, Tensor selected) {
        for (int i = 0; i < queries.length; i++) {
            for (int row = 0; row < rows(); row++) {
                int[] blocks = chosen[i][row];
                for (int column = 0; column < selected.dim(2); column++) {
                    selected.setLong(column < blocks.length ? blocks[column] : -1, row, head(i), column);
                }
            }
        }
    }

    /** Reads blocks from {@code selected [Lq, H, K']}. */
    int[][][] readSelected(Tensor selected) {
        int[][][] chosen = new int[queries.length][rows()][];
        for (int i = 0; i < queries.length; i++) {
            for (int row = 0; row < rows(); row++) {
                int[] blocks = new int[(int) selected.dim(2)];
                int count = 0;
                while (count < blocks.length && selected.getLong(row, head(i), count) >= 0) {
                    blocks[count] = (int) selected.getLong(row, head(i), count);
                    count++;
                }
                chosen[i][row] = Arrays.copyOf(blocks, count);
            }
        }
        return chosen;
    }

    /** Tells the keys that a query attends to. */
    @FunctionalInterface
    private interface KeysOfRow {
        int[] of(int row);
    }

    private void attend(int i, KeysOfRow keysOfRow, Tensor v, Tensor o, @Nullable Tensor lse) {
        HeadMatrix values = HeadMatrix.read(v, kvHead);
        HeadMatrix output = HeadMatrix.zeros(rows(), values.columns());
        double scale = options.softmaxScale().orElse(1 / Math.sqrt(keys.columns()));
        RowAttention attention = new RowAttention(queries[i], keys, values, scale);
        double[] logSumExp = new double[rows()];
        forEachRow(row -> logSumExp[row] = attention.attend(row, keysOfRow.of(row), output));
        output.write(o, head(i));
        if (lse != null) {
            for (int row = 0; row < rows(); row++) {
                lse.setFloat((float) logSumExp[row], row, head(i));
            }
        }
    }

    private int[] keysOf(int[] blocks, int row) {
        long blockSize = options.blockSize();
        int end = visibleEnd(row);
        return Arrays.stream(blocks)
                .flatMap(block ->
                        IntStream.range((int) (block * blockSize), (int) Math.min((block + 1) * blockSize, end)))
                .toArray();
    }

    private int visibleEnd(int row) {
        return options.causal() ? (int) Math.max(0, position(row) + 1) : keys.rows();
    }

    private long position(int row) {
        return (long) keys.rows() - rows() + row;
    }

    private static double[] scores(HeadMatrix queries, int row, HeadMatrix centroids) {
        double[] scores = new double[centroids.rows()];
        for (int block = 0; block < scores.length; block++) {
            scores[block] = queries.dot(row, centroids, block);
        }
        return scores;
    }

    private static double[] sum(double[][] scores) {
        double[] sums = new double[scores[0].length];
        for (double[] ofHead : scores) {
            for (int block = 0; block < sums.length; block++) {
                sums[block] += ofHead[block];
            }
        }
        return sums;
    }

    /** Rows are computed independently of each other, so results do not depend on the number of threads. */
    private void forEachRow(IntConsumer row) {
        pool.run(rows(), pool.threads(), signals, (task, slot) -> row.accept((int) task));
    }

    private int rows() {
        return queries[0].rows();
    }

    private long head(int i) {
        return kvHead * queries.length + i;
    }
}
