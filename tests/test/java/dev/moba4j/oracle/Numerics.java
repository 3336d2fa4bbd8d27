package dev.moba4j.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.DType;

/** The bounds of specification section 6 as assertions. */
public final class Numerics {
    private Numerics() {}

    /**
     * Asserts that {@code o} and {@code lse} (null: not asked for) are attention over {@code rows} (null: all blocks) of
     * the problem; values that are not a number or infinite must be so in both.
     */
    public static void assertAttention(Problem problem, int[][] rows, float[] o, float[] lse) {
        Attention exact = Attention.exact(problem, rows);
        assertOutput(problem, rows, exact, o);
        if (lse != null) {
            assertLse(problem, exact.lse(), lse);
        }
    }

    /** Largest error the section allows for {@code o}. */
    public static double outputBound(Problem problem, int[][] rows, Attention exact) {
        if (problem.dtype() == DType.F32) {
            return 4e-6 * exact.maxValue() * (1 + exact.maxScore() / 16);
        }
        float[] yardstick = Attention.yardstick(problem, rows);
        double error = 0;
        for (int i = 0; i < yardstick.length; i++) {
            double difference = Math.abs(yardstick[i] - exact.o()[i]);
            if (Double.isFinite(difference)) {
                error = Math.max(error, difference);
            }
        }
        return 1e-6 + 2 * error;
    }

    private static void assertOutput(Problem problem, int[][] rows, Attention exact, float[] o) {
        assertThat(o).as("o of %s", problem).hasSameSizeAs(exact.o());
        double bound = outputBound(problem, rows, exact);
        for (int i = 0; i < o.length; i++) {
            assertClose("o", i, problem.headDimV(), problem, o[i], exact.o()[i], bound);
        }
    }

    /** Asserts the bound of section 6 on {@code lse}. */
    public static void assertLse(Problem problem, double[] expected, float[] lse) {
        assertThat(lse).as("lse of %s", problem).hasSameSizeAs(expected);
        for (int i = 0; i < lse.length; i++) {
            assertClose("lse", i, 1, problem, lse[i], expected[i], 1e-4 + 1e-6 * Math.abs(expected[i]));
        }
    }

    private static void assertClose(
            String name, int index, int channels, Problem problem, float actual, double expected, double bound) {
        boolean right = Double.isFinite(expected)
                ? Math.abs(actual - expected) <= bound
                : Double.compare(actual, expected) == 0;
        if (!right) {
            throw new AssertionError(String.format(
                    "%s at token %d, head %d, channel %d is %s, expected %s within %.3g (error %.3g): %s",
                    name,
                    index / channels / problem.heads(),
                    index / channels % problem.heads(),
                    index % channels,
                    actual,
                    expected,
                    bound,
                    Math.abs(actual - expected),
                    problem));
        }
    }
}
