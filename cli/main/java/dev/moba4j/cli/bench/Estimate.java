package dev.moba4j.cli.bench;

import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How long measuring will take, roughly.
 *
 * @param peakGflops of one thread
 * @param seconds of timed runs for each contender
 * @param rounds through all cases
 */
record Estimate(double peakGflops, double seconds, int rounds) {
    private static final double SHARE_OF_PEAK = 0.3;
    private static final double SETUP_SECONDS = 1;
    private static final double FEWEST_RUNS = 4;

    /** How often everything together will be run. */
    int runs(BenchCase which, int contenders) {
        return (int) Math.clamp(FEWEST_RUNS + seconds / secondsOfARun(which), FEWEST_RUNS, 1e6) * contenders;
    }

    private double secondsOfARun(BenchCase which) {
        return Work.gflop(which) / (SHARE_OF_PEAK * peakGflops * which.threads());
    }

    /** What is about to be done. */
    String sentence(String suite, Map<BenchCase, Set<Field>> cases, List<Contender> contenders) {
        double total = 0;
        for (Map.Entry<BenchCase, Set<Field>> entry : cases.entrySet()) {
            long taking = contenders.stream()
                    .filter(contender -> Field.has(entry.getValue(), contender))
                    .count();
            total += SETUP_SECONDS + taking * Math.max(seconds, FEWEST_RUNS * secondsOfARun(entry.getKey()));
        }
        total *= rounds;
        return BenchTable.format(
                "suite %s: %d cases, about %s",
                suite, cases.size(), total < 90 ? Math.round(total) + " s" : Math.round(total / 60) + " min");
    }
}
