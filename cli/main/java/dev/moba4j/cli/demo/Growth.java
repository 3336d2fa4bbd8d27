package dev.moba4j.cli.demo;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The competition over growing lengths: each twice the one before, the last the whole haystack. */
final class Growth {
    private static final int MOST_STEPS = 5;
    private static final int FEWEST_TOKENS = 2048;
    private static final int TOKENS_OF_TWO_RUNS = 32_768;
    private static final int MOST_REPETITIONS = 8;
    private static final double MOST_MILLISECONDS = 60_000;
    private static final double MOST_MILLISECONDS_JAVA = 2_500;

    private final Haystack haystack;
    private final Contestant moba;
    private final Contestant full;
    private final @Nullable Contestant java;
    private final List<Step> steps = new ArrayList<>();

    /**
     * Sets up the competition.
     *
     * @param moba attends by MoBA
     * @param full attends to all, on the same engine
     * @param java attends both ways on the backend {@code vector}; null where it does not take part
     */
    Growth(Haystack haystack, Contestant moba, Contestant full, @Nullable Contestant java) {
        this.haystack = haystack;
        this.moba = moba;
        this.full = full;
        this.java = java;
    }

    /** Runs all lengths, the shortest first. */
    List<Step> run(int topK) {
        if (java != null) {
            java.moba(lengths().getFirst(), topK, MOST_REPETITIONS); // compiled while it runs: not to be timed
        }
        for (int tokens : lengths()) {
            steps.add(step(tokens, topK));
        }
        return List.copyOf(steps);
    }

    private List<Integer> lengths() {
        List<Integer> lengths = new ArrayList<>();
        int tokens = haystack.tokens();
        do {
            lengths.addFirst(tokens);
            tokens /= 2;
        } while (lengths.size() < MOST_STEPS && tokens >= FEWEST_TOKENS);
        return lengths;
    }

    private Step step(int tokens, int topK) {
        int repetitions = Math.clamp(2L * TOKENS_OF_TWO_RUNS / tokens, 2, MOST_REPETITIONS);
        Trial byMoba = moba.moba(tokens, topK, repetitions);
        Trial byJava = java == null ? null : java.moba(tokens, topK, repetitions);
        Comparison javaFromMoba = byJava == null ? null : Comparison.of(byJava.o(), byMoba.o(), List.of());
        Step last = steps.isEmpty() ? null : steps.getLast();
        Trial byFull = affordable(last == null ? null : last.full(), last, tokens, MOST_MILLISECONDS)
                ? full.full(tokens, fullRepetitions(tokens))
                : null;
        Comparison fromFull = byFull == null ? null : Comparison.of(byMoba.o(), byFull.o(), haystack.needles());
        Trial fullByJava =
                java != null && affordable(last == null ? null : last.javaFull(), last, tokens, MOST_MILLISECONDS_JAVA)
                        ? java.full(tokens, fullRepetitions(tokens))
                        : null;
        return new Step(tokens, byMoba, byJava, byFull, fullByJava, fromFull, javaFromMoba);
    }

    private static int fullRepetitions(int tokens) {
        return Math.clamp(TOKENS_OF_TWO_RUNS / 4 / tokens, 0, MOST_REPETITIONS / 2);
    }

    /** Whether attention to all of {@code tokens} keys, which takes four times as long for twice as many, ends in time. */
    private static boolean affordable(
            @Nullable Trial before, @Nullable Step last, int tokens, double mostMilliseconds) {
        if (last == null) {
            return true;
        }
        double growth = (double) tokens / last.tokens();
        return before != null && before.milliseconds() * growth * growth <= mostMilliseconds;
    }
}
