package dev.moba4j.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.Routing;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Routing of specification section 2 in fp64, and the check of a backend's selection against it (section 6). */
public final class Routes {
    private final Problem problem;

    private Routes(Problem problem) {
        this.problem = problem;
    }

    /** The oracle's selection: for each (token, head) ascending block indices, at index {@code token * H + head}. */
    public static int[][] select(Problem problem) {
        int[][] rows = new int[problem.tokensQ() * problem.heads()][];
        new Routes(problem).forEachRow((row, candidates) -> rows[row] = candidates.best());
        return rows;
    }

    /**
     * Asserts that {@code selected[Tq, H, K']} is the oracle's selection, except where the oracle's margin is below the
     * bound of section 6.
     */
    public static void assertSelection(Problem problem, int[] selected, int width) {
        assertThat(width).as("width of the selection").isEqualTo(problem.selectionWidth());
        assertThat(selected).as("selection of %s", problem).hasSize(problem.tokensQ() * problem.heads() * width);
        new Routes(problem).forEachRow((row, candidates) -> {
            int[] chosen = unpad(selected, row, width);
            candidates.assertRight(chosen, "selection of row " + row + " (token * H + head) of " + problem);
        });
    }

    /** Rows of a padded selection tensor's values. */
    public static int[][] rows(int[] selected, int width) {
        return IntStream.range(0, selected.length / width)
                .mapToObj(row -> unpad(selected, row, width))
                .toArray(int[][]::new);
    }

    /** Values of a selection tensor of {@code width} for {@code rows}. */
    public static int[] pad(int[][] rows, int width) {
        int[] padded = new int[rows.length * width];
        Arrays.fill(padded, -1);
        for (int row = 0; row < rows.length; row++) {
            System.arraycopy(rows[row], 0, padded, row * width, rows[row].length);
        }
        return padded;
    }

    private static int[] unpad(int[] selected, int row, int width) {
        int[] padded = Arrays.copyOfRange(selected, row * width, (row + 1) * width);
        int count = 0;
        while (count < width && padded[count] >= 0) {
            count++;
        }
        for (int i = count; i < width; i++) {
            assertThat(padded[i])
                    .as("padding of row %d: %s", row, Arrays.toString(padded))
                    .isEqualTo(-1);
        }
        return Arrays.copyOf(padded, count);
    }

    private interface RowAction {
        void accept(int row, Candidates candidates);
    }

    private void forEachRow(RowAction action) {
        for (int s = 0; s < problem.sequences(); s++) {
            double[][][] centroids = new double[problem.kvHeads()][problem.blocks(s)][];
            for (int g = 0; g < problem.kvHeads(); g++) {
                for (int j = 0; j < problem.blocks(s); j++) {
                    centroids[g][j] = centroid(s, g, j);
                }
            }
            for (int i = 0; i < problem.queryLengths()[s]; i++) {
                for (int h = 0; h < problem.heads(); h++) {
                    int token = problem.queryStart(s) + i;
                    action.accept(token * problem.heads() + h, candidates(s, i, h, centroids[problem.kvHeadOf(h)]));
                }
            }
        }
    }

    /** Mean of the keys present, summed in fp64, rounded to fp32 and then to the storage type. */
    private double[] centroid(int s, int g, int j) {
        int size = (int) problem.options().blockSize();
        int from = j * size;
        int to = Math.min(from + size, problem.keyLengths()[s]);
        double[] mean = new double[problem.headDim()];
        for (int d = 0; d < mean.length; d++) {
            double sum = 0;
            for (int t = from; t < to; t++) {
                sum += problem.k()[((problem.keyStart(s) + t) * problem.kvHeads() + g) * problem.headDim() + d];
            }
            mean[d] = Rounding.round(problem.dtype(), (float) (sum / (to - from)));
        }
        return mean;
    }

    private Candidates candidates(int s, int i, int h, double[][] centroids) {
        int heads = problem.heads();
        int group = heads / problem.kvHeads();
        boolean perGroup = problem.options().routing() == Routing.PER_GROUP;
        int firstHead = perGroup ? problem.kvHeadOf(h) * group : h;
        int lastHead = perGroup ? firstHead + group : h + 1;
        double[] scores = new double[centroids.length];
        double queryNorm = 0;
        double centroidNorm = 0;
        for (int head = firstHead; head < lastHead; head++) {
            int base = ((problem.queryStart(s) + i) * heads + head) * problem.headDim();
            queryNorm += norm(problem.q(), base);
            for (int j = 0; j < centroids.length; j++) {
                for (int d = 0; d < problem.headDim(); d++) {
                    scores[j] += problem.q()[base + d] * centroids[j][d];
                }
            }
        }
        for (double[] centroid : centroids) {
            centroidNorm = Math.max(
                    centroidNorm,
                    Math.sqrt(Arrays.stream(centroid).map(x -> x * x).sum()));
        }
        return forced(s, i, scores, 1e-5 * queryNorm * centroidNorm);
    }

    private double norm(float[] values, int base) {
        double sum = 0;
        for (int d = 0; d < problem.headDim(); d++) {
            sum += (double) values[base + d] * values[base + d];
        }
        return Math.sqrt(sum);
    }

    private Candidates forced(int s, int i, double[] scores, double tolerance) {
        var options = problem.options();
        int position = problem.keyLengths()[s] - problem.queryLengths()[s] + i;
        int own = (int) Math.floorDiv((long) position, options.blockSize());
        int eligible = !options.causal() ? scores.length : position < 0 ? 0 : own + 1;
        boolean[] forced = new boolean[eligible];
        for (int j = 0; j < eligible; j++) {
            boolean sink = j < options.sinkBlocks();
            boolean local = options.causal() && j > own - options.localBlocks();
            forced[j] = sink || local;
        }
        return new Candidates(scores, forced, (int) Math.min(options.topK(), eligible), tolerance);
    }

    /** The blocks one row may choose from, {@code count} of which it must take. */
    private record Candidates(double[] scores, boolean[] forced, int count, double tolerance) {

        /** Eligible blocks, best first: forced ones, then by score; NaN below every number, ties to the lower index. */
        int[] ranking() {
            Comparator<Integer> order = Comparator.comparing((Integer j) -> !forced[j])
                    .thenComparing(j -> !forced[j] && Double.isNaN(scores[j]))
                    .thenComparing((a, b) -> forced[a] || scores[a] == scores[b] || Double.isNaN(scores[a])
                            ? 0
                            : Double.compare(scores[b], scores[a]))
                    .thenComparing(Comparator.naturalOrder());
            return IntStream.range(0, forced.length)
                    .boxed()
                    .sorted(order)
                    .mapToInt(Integer::intValue)
                    .toArray();
        }

        int[] best() {
            return Arrays.stream(ranking(), 0, count).sorted().toArray();
        }

        void assertRight(int[] chosen, String name) {
            int[] best = best();
            if (Arrays.equals(chosen, best)) {
                return;
            }
            assertThat(chosen).as(name).hasSameSizeAs(best).isSorted().doesNotHaveDuplicates();
            int[] ranking = ranking();
            double last = scores[ranking[count - 1]];
            double firstLeftOut = scores[ranking[count]];
            assertThat(!forced[ranking[count - 1]] && last - firstLeftOut < tolerance && last > firstLeftOut)
                    .as(
                            "%s: chose %s, oracle %s, margin %s, tolerance %s",
                            name, Arrays.toString(chosen), Arrays.toString(best), last - firstLeftOut, tolerance)
                    .isTrue();
            for (int j = 0; j < forced.length; j++) {
                int block = j;
                boolean taken = Arrays.stream(chosen).anyMatch(c -> c == block);
                boolean mustTake = forced[j] || scores[j] > last + tolerance;
                boolean mustLeave = !forced[j] && scores[j] < last - tolerance;
                assertThat(taken ? !mustLeave : !mustTake)
                        .as("%s: block %d taken: %s, score %s, boundary %s", name, j, taken, scores[j], last)
                        .isTrue();
            }
            assertThat(chosen[chosen.length - 1]).as(name).isLessThan(forced.length);
        }
    }
}
