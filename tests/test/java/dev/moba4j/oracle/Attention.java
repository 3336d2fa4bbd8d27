package dev.moba4j.oracle;

import java.util.Arrays;

/**
 * Attention of specification section 3 over a given selection.
 *
 * @param o output {@code [Tq, H, Dv]}
 * @param lse natural logarithm of the softmax denominator {@code [Tq, H]}
 * @param maxScore largest visible {@code |scale * <q, k>|}
 * @param maxValue largest finite {@code |v|}
 */
public record Attention(double[] o, double[] lse, double maxScore, double maxValue) {

    /** The oracle: fp64 throughout. {@code rows} as of {@link Routes#select}; null stands for every block. */
    public static Attention exact(Problem problem, int[][] rows) {
        double[] o = new double[problem.tokensQ() * problem.heads() * problem.headDimV()];
        double[] lse = new double[problem.tokensQ() * problem.heads()];
        double[] maxScore = new double[1];
        forEachRow(problem, rows, (row, qBase, kvHead, keys) -> {
            double[] scores = new double[keys.length];
            double max = Double.NEGATIVE_INFINITY;
            for (int n = 0; n < keys.length; n++) {
                int kBase = (keys[n] * problem.kvHeads() + kvHead) * problem.headDim();
                double sum = 0;
                for (int d = 0; d < problem.headDim(); d++) {
                    sum += (double) problem.q()[qBase + d] * problem.k()[kBase + d];
                }
                scores[n] = problem.scale() * sum;
                max = Math.max(max, scores[n]);
                if (Double.isFinite(scores[n])) {
                    maxScore[0] = Math.max(maxScore[0], Math.abs(scores[n]));
                }
            }
            double denominator = 0;
            for (int n = 0; n < keys.length; n++) {
                scores[n] = Math.exp(scores[n] - max);
                denominator += scores[n];
            }
            lse[row] = keys.length == 0 ? Double.NEGATIVE_INFINITY : max + Math.log(denominator);
            for (int n = 0; n < keys.length; n++) {
                int vBase = (keys[n] * problem.kvHeads() + kvHead) * problem.headDimV();
                for (int d = 0; d < problem.headDimV(); d++) {
                    o[row * problem.headDimV() + d] += scores[n] / denominator * problem.v()[vBase + d];
                }
            }
        });
        return new Attention(o, lse, maxScore[0], maxFinite(problem.v()));
    }

    /**
     * The yardstick of section 6: the plain formula in fp32, normalised P rounded to the storage type, output rounded
     * once.
     */
    public static float[] yardstick(Problem problem, int[][] rows) {
        float[] o = new float[problem.tokensQ() * problem.heads() * problem.headDimV()];
        float scale = (float) problem.scale();
        forEachRow(problem, rows, (row, qBase, kvHead, keys) -> {
            float[] scores = new float[keys.length];
            float max = Float.NEGATIVE_INFINITY;
            for (int n = 0; n < keys.length; n++) {
                int kBase = (keys[n] * problem.kvHeads() + kvHead) * problem.headDim();
                float sum = 0;
                for (int d = 0; d < problem.headDim(); d++) {
                    sum += problem.q()[qBase + d] * problem.k()[kBase + d];
                }
                scores[n] = scale * sum;
                max = Math.max(max, scores[n]);
            }
            float denominator = 0;
            for (int n = 0; n < keys.length; n++) {
                scores[n] = (float) Math.exp(scores[n] - max);
                denominator += scores[n];
            }
            float[] sums = new float[problem.headDimV()];
            for (int n = 0; n < keys.length; n++) {
                float p = Rounding.round(problem.dtype(), scores[n] / denominator);
                int vBase = (keys[n] * problem.kvHeads() + kvHead) * problem.headDimV();
                for (int d = 0; d < sums.length; d++) {
                    sums[d] += p * problem.v()[vBase + d];
                }
            }
            System.arraycopy(Rounding.round(problem.dtype(), sums), 0, o, row * problem.headDimV(), problem.headDimV());
        });
        return o;
    }

    /** Keys (tokens of the packed batch) that row {@code (token, head)} of sequence {@code s} sees and has selected. */
    public static int[] visibleKeys(Problem problem, int s, int query, int[] blocks) {
        int length = problem.keyLengths()[s];
        int end = problem.options().causal() ? Math.max(0, length - problem.queryLengths()[s] + query + 1) : length;
        int[] keys = new int[end];
        int count = 0;
        if (blocks == null) {
            for (int key = 0; key < end; key++) {
                keys[count++] = problem.keyStart(s) + key;
            }
        } else {
            long size = problem.options().blockSize();
            for (int block : blocks) {
                for (long key = block * size; key < Math.min((block + 1) * size, end); key++) {
                    keys[count++] = problem.keyStart(s) + (int) key;
                }
            }
        }
        return Arrays.copyOf(keys, count);
    }

    private interface RowAction {
        void accept(int row, int qBase, int kvHead, int[] keys);
    }

    private static void forEachRow(Problem problem, int[][] rows, RowAction action) {
        for (int s = 0; s < problem.sequences(); s++) {
            for (int i = 0; i < problem.queryLengths()[s]; i++) {
                for (int h = 0; h < problem.heads(); h++) {
                    int row = (problem.queryStart(s) + i) * problem.heads() + h;
                    int[] keys = visibleKeys(problem, s, i, rows == null ? null : rows[row]);
                    action.accept(row, row * problem.headDim(), problem.kvHeadOf(h), keys);
                }
            }
        }
    }

    private static double maxFinite(float[] values) {
        double max = 0;
        for (float value : values) {
            if (Float.isFinite(value)) {
                max = Math.max(max, Math.abs(value));
            }
        }
        return max;
    }
}
