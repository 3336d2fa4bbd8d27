package dev.moba4j.oracle;

import dev.moba4j.AttentionOptions;
import dev.moba4j.DType;
import java.util.Arrays;
import java.util.Random;

/**
 * One attention problem in plain float arrays: packed {@code q[Tq, H, D]}, {@code k[Tk, G, D]}, {@code v[Tk, G, Dv]}
 * whose values are representable in {@code dtype}, the lengths of its sequences, and the options.
 */
public record Problem(
        DType dtype,
        int heads,
        int kvHeads,
        int headDim,
        int headDimV,
        int[] queryLengths,
        int[] keyLengths,
        AttentionOptions options,
        float[] q,
        float[] k,
        float[] v) {

    /** A problem of one head, dimension 8, and standard normal values; narrow it down with the methods below. */
    public static Shape shape(DType dtype) {
        return new Shape(dtype, 1, 1, 8, 8, new int[] {16}, new int[] {16}, AttentionOptions.moba(4, 2));
    }

    public int sequences() {
        return queryLengths.length;
    }

    public int tokensQ() {
        return Arrays.stream(queryLengths).sum();
    }

    public int tokensK() {
        return Arrays.stream(keyLengths).sum();
    }

    /** First query token of sequence {@code s} in the packed batch. */
    public int queryStart(int s) {
        return Arrays.stream(queryLengths, 0, s).sum();
    }

    /** First key token of sequence {@code s} in the packed batch. */
    public int keyStart(int s) {
        return Arrays.stream(keyLengths, 0, s).sum();
    }

    public int kvHeadOf(int head) {
        return head / (heads / kvHeads);
    }

    public double scale() {
        return options.softmaxScale().orElse(1 / Math.sqrt(headDim));
    }

    /** Blocks of sequence {@code s}. */
    public int blocks(int s) {
        long size = options.blockSize();
        return (int) ((keyLengths[s] + size - 1) / size);
    }

    /** K' of an exported selection: min(K, most blocks in any sequence), at least 1. */
    public int selectionWidth() {
        int most = 0;
        for (int s = 0; s < sequences(); s++) {
            most = Math.max(most, blocks(s));
        }
        return (int) Math.max(1, Math.min(options.topK(), most));
    }

    /** cu_seqlens of the queries. */
    public int[] cuSeqlensQ() {
        return prefixSums(queryLengths);
    }

    /** cu_seqlens of the keys. */
    public int[] cuSeqlensK() {
        return prefixSums(keyLengths);
    }

    public Problem withOptions(AttentionOptions other) {
        return new Problem(dtype, heads, kvHeads, headDim, headDimV, queryLengths, keyLengths, other, q, k, v);
    }

    public Problem withData(float[] otherQ, float[] otherK, float[] otherV) {
        return new Problem(
                dtype, heads, kvHeads, headDim, headDimV, queryLengths, keyLengths, options, otherQ, otherK, otherV);
    }

    /** Sequence {@code s} as a problem of its own. */
    public Problem sequence(int s) {
        int q0 = queryStart(s) * heads * headDim;
        int k0 = keyStart(s) * kvHeads * headDim;
        int v0 = keyStart(s) * kvHeads * headDimV;
        return new Problem(
                dtype,
                heads,
                kvHeads,
                headDim,
                headDimV,
                new int[] {queryLengths[s]},
                new int[] {keyLengths[s]},
                options,
                Arrays.copyOfRange(q, q0, q0 + queryLengths[s] * heads * headDim),
                Arrays.copyOfRange(k, k0, k0 + keyLengths[s] * kvHeads * headDim),
                Arrays.copyOfRange(v, v0, v0 + keyLengths[s] * kvHeads * headDimV));
    }

    private static int[] prefixSums(int[] lengths) {
        int[] sums = new int[lengths.length + 1];
        for (int i = 0; i < lengths.length; i++) {
            sums[i + 1] = sums[i] + lengths[i];
        }
        return sums;
    }

    @Override
    public String toString() {
        return dtype + " H" + heads + " G" + kvHeads + " D" + headDim + " Dv" + headDimV + " Lq"
                + Arrays.toString(queryLengths) + " Lk" + Arrays.toString(keyLengths) + " " + options;
    }

    /** Everything of a problem but its values. */
    public record Shape(
            DType dtype,
            int heads,
            int kvHeads,
            int headDim,
            int headDimV,
            int[] queryLengths,
            int[] keyLengths,
            AttentionOptions options) {

        public Shape heads(int h, int g) {
            return new Shape(dtype, h, g, headDim, headDimV, queryLengths, keyLengths, options);
        }

        public Shape dims(int d, int dv) {
            return new Shape(dtype, heads, kvHeads, d, dv, queryLengths, keyLengths, options);
        }

        /** Sequences of as many queries as keys. */
        public Shape lengths(int... lengths) {
            return new Shape(dtype, heads, kvHeads, headDim, headDimV, lengths, lengths, options);
        }

        public Shape lengths(int[] lq, int[] lk) {
            return new Shape(dtype, heads, kvHeads, headDim, headDimV, lq, lk, options);
        }

        public Shape options(AttentionOptions other) {
            return new Shape(dtype, heads, kvHeads, headDim, headDimV, queryLengths, keyLengths, other);
        }

        public Shape dtype(DType other) {
            return new Shape(other, heads, kvHeads, headDim, headDimV, queryLengths, keyLengths, options);
        }

        /** Standard normal values from {@code seed}, rounded to the dtype. */
        public Problem normal(long seed) {
            return normal(seed, 1, 0);
        }

        /** Normal values: q and k of deviation {@code spread}, v of deviation 1 around {@code valueMean}. */
        public Problem normal(long seed, double spread, double valueMean) {
            Random random = new Random(seed);
            int tq = Arrays.stream(queryLengths).sum();
            int tk = Arrays.stream(keyLengths).sum();
            return new Problem(
                    dtype,
                    heads,
                    kvHeads,
                    headDim,
                    headDimV,
                    queryLengths,
                    keyLengths,
                    options,
                    values(random, tq * heads * headDim, spread, 0),
                    values(random, tk * kvHeads * headDim, spread, 0),
                    values(random, tk * kvHeads * headDimV, 1, valueMean));
        }

        /** Integers in -2 .. 2: scores and sums are exact, so equal scores really tie. */
        public Problem integers(long seed) {
            Problem problem = normal(seed);
            Random random = new Random(seed);
            for (float[] array : new float[][] {problem.q, problem.k, problem.v}) {
                for (int i = 0; i < array.length; i++) {
                    array[i] = random.nextInt(5) - 2;
                }
            }
            return problem;
        }

        private float[] values(Random random, int count, double spread, double mean) {
            float[] values = new float[count];
            for (int i = 0; i < count; i++) {
                values[i] = (float) (mean + spread * random.nextGaussian());
            }
            return Rounding.round(dtype, values);
        }
    }
}
