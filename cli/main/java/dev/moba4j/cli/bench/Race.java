package dev.moba4j.cli.bench;

import dev.moba4j.AttentionPlan;
import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.PlanSpec;
import dev.moba4j.RunCancelledException;
import dev.moba4j.Tensor;
import dev.moba4j.cli.PeakMemory;
import dev.moba4j.cli.Progress;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * One case: its contenders run in turns, each run between two slices of the multiply-add peak, and the best run of each counts. The
 * result of each is compared with that of the first before anything is timed.
 */
final class Race implements AutoCloseable {
    private static final int FEWEST_RUNS = 3;
    private static final int MOST_RUNS = 100;
    /** Runs so long that few of them tell enough. */
    private static final double ENOUGH_SECONDS = 10;

    private static final double WARM_UP_SECONDS = 0.05;
    private static final double COMPILATION_SECONDS = 1;
    private static final double WORTH_WAITING = 0.9;

    private record Entrant(Contender contender, Attempt attempt, Samples samples) {}

    private final BenchCase which;
    private final double seconds;
    private final boolean compiled;
    private final Progress progress;
    private final Arena arena = Arena.ofShared();
    private final Operands operands;
    private final Optional<ReadBandwidth> bandwidth; // of steps of decoding
    private final List<Entrant> entrants = new ArrayList<>();
    private double bestPeak;
    private double bestBandwidth;

    /**
     * Prepares a case.
     *
     * @param seconds of timed runs for each contender, though at least three runs, and a hundred at most; 0 for three, and none to warm
     *     up but one
     * @param compiled whether this process has run the case before, so that nothing is left to compile
     */
    Race(BenchCase which, double seconds, boolean compiled, Progress progress) {
        this.which = which;
        this.seconds = seconds;
        this.compiled = compiled;
        this.progress = progress;
        PeakMemory.restart();
        try {
            this.operands = Operands.of(which, arena);
            this.bandwidth = which.isDecode()
                    ? Optional.of(new ReadBandwidth(
                            which.threads(),
                            List.of(operands.k().segment(), operands.v().segment()),
                            arena))
                    : Optional.empty();
        } catch (OutOfMemoryError e) {
            arena.close();
            throw e;
        }
    }

    /**
     * Lets a contender take part, unless it cannot compute the case.
     *
     * @param absent told in a sentence why it does not
     * @param wrong told in a sentence that it computes something else than the first, and is not timed
     */
    void enter(Contender contender, Consumer<String> absent, Consumer<String> wrong) {
        Attempt attempt;
        try {
            attempt = contender.prepare(which, operands);
        } catch (RuntimeException | LinkageError e) {
            absent.accept(contender.name() + " is left out of " + which.name() + " " + which.dtype() + ": "
                    + String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
            return;
        }
        Entrant entrant = new Entrant(contender, attempt, new Samples());
        entrants.add(entrant);
        warmUp(contender, attempt);
        double difference = entrant == entrants.getFirst()
                ? 0
                : Agreement.difference(
                        attempt.result(), entrants.getFirst().attempt.result());
        if (!(difference <= Agreement.tolerance(which.dtype()))) {
            wrong.accept(String.format(
                    Locale.ROOT,
                    "%s computes something else than %s in %s %s: the relative difference is %.2g, expected at most %.2g",
                    contender.name(),
                    entrants.getFirst().contender.name(),
                    which.name(),
                    which.dtype(),
                    difference,
                    Agreement.tolerance(which.dtype())));
            entrants.removeLast().attempt.close();
        }
    }

    /** Runs for a while; what is compiled meanwhile, until a second brings no more than a tenth. */
    private void warmUp(Contender contender, Attempt attempt) {
        if (!contender.isCompiledAtRunTime() || compiled || seconds == 0) {
            best(attempt, Math.min(seconds, WARM_UP_SECONDS));
            return;
        }
        double before;
        double now = best(attempt, COMPILATION_SECONDS);
        do {
            before = now;
            now = best(attempt, COMPILATION_SECONDS);
        } while (now < WORTH_WAITING * before);
    }

    private double best(Attempt attempt, double enough) {
        double best = Double.POSITIVE_INFINITY;
        double spent = 0;
        do {
            double milliseconds = milliseconds(attempt);
            best = Math.min(best, milliseconds);
            spent += milliseconds / 1e3;
        } while (spent < enough);
        return best;
    }

    /** Times the contenders that take part. */
    List<Measurement> run() {
        double before = peak();
        measureBandwidth();
        boolean more;
        do {
            more = false;
            for (Entrant entrant : entrants) {
                Samples samples = entrant.samples;
                if (isEnough(samples)) {
                    continue;
                }
                more = true;
                double milliseconds = milliseconds(entrant.attempt);
                double after = peak();
                samples.add(milliseconds, Math.min(before, after));
                before = after;
                measureBandwidth();
            }
        } while (more);
        double gigabytes = gigabytes();
        long peakBytes = PeakMemory.bytes();
        return entrants.stream()
                .map(entrant -> measurement(entrant, gigabytes, peakBytes))
                .toList();
    }

    private boolean isEnough(Samples samples) {
        double spent = samples.totalSeconds();
        return samples.count() >= FEWEST_RUNS && spent >= seconds
                || samples.count() >= MOST_RUNS
                || spent >= ENOUGH_SECONDS;
    }

    private double peak() {
        double peak = MultiplyAddPeak.measure(which.threads());
        bestPeak = Math.max(bestPeak, peak);
        return peak;
    }

    private void measureBandwidth() {
        bandwidth.ifPresent(read -> bestBandwidth = Math.max(bestBandwidth, read.measure()));
    }

    private double milliseconds(Attempt attempt) {
        long[] nanos = new long[1];
        progress.step(control -> {
            if (control.isCancelled()) {
                throw new RunCancelledException("stopped");
            }
            long start = System.nanoTime();
            attempt.run(control);
            nanos[0] = System.nanoTime() - start;
        });
        return nanos[0] / 1e6;
    }

    private double gigabytes() {
        if (!which.isDecode()) {
            return 0;
        }
        if (!which.isRouted()) {
            return Work.gigabytes(which);
        }
        try (Engine engine = Engine.open();
                AttentionPlan plan = engine.plan(
                        PlanSpec.forTensors(operands.q(), operands.k(), operands.v(), null, which.options()))) {
            Tensor selected =
                    Tensor.allocate(arena, DType.I32, 1, which.heads(), plan.selectionWidth(operands.inputs()));
            plan.route(operands.inputs(), selected);
            return Work.gigabytes(which, selected);
        }
    }

    private Measurement measurement(Entrant entrant, double gigabytes, long peakBytes) {
        double milliseconds = entrant.samples.bestMilliseconds(bestPeak);
        double gflop = Work.gflop(which);
        double gflops = gflop / milliseconds * 1e3;
        return new Measurement(
                which.name(),
                entrant.contender.name(),
                which.operation() == Operation.ROUTE ? "route" : "forward",
                which.dtype().name(),
                which.queries(),
                which.tokens(),
                which.heads(),
                which.kvHeads(),
                which.headDim(),
                which.blockSize(),
                which.topK(),
                which.causal(),
                which.threads(),
                milliseconds,
                gflop,
                gflops,
                bestPeak,
                gflops / bestPeak,
                gigabytes,
                gigabytes / milliseconds * 1e3,
                bestBandwidth,
                peakBytes,
                entrant.samples.count(),
                entrant.samples.steady(bestPeak));
    }

    @Override
    public void close() {
        entrants.forEach(entrant -> entrant.attempt.close());
        arena.close();
    }
}
