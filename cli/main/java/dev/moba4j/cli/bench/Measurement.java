package dev.moba4j.cli.bench;

import java.util.List;

/**
 * One case by one contender: a record of a result file, whose fields have these names with underscores.
 *
 * @param caseName of the case, without dtype and threads
 * @param contender a backend of this library, or a peer
 * @param direction "forward", or "route" for routing alone
 * @param dtype F32, F16 or BF16
 * @param queries query tokens
 * @param tokens key tokens
 * @param heads query heads
 * @param kvHeads key-value heads
 * @param headDim channels
 * @param blockSize tokens of a block, 0 for full attention
 * @param topK blocks that a query reads, 0 for full attention
 * @param causal whether later keys are hidden
 * @param threads that worked
 * @param milliseconds of the best run beside an undisturbed peak
 * @param usefulGflop see {@link dev.moba4j.cli.UsefulWork}
 * @param gflops useful GFLOP/s
 * @param peakGflops multiply-add peak of as many threads, measured between the runs
 * @param shareOfPeak {@code gflops / peakGflops}
 * @param readGigabytes what a step of decoding must read; 0 elsewhere
 * @param readGbps GB/s of that
 * @param bandwidthGbps at which as many threads can read the same keys and values from memory; 0 where it was not measured
 * @param peakBytes most memory the process had resident in this case, all contenders together
 * @param runs that were timed
 * @param steady false where the peak was never undisturbed
 */
public record Measurement(
        String caseName,
        String contender,
        String direction,
        String dtype,
        long queries,
        long tokens,
        long heads,
        long kvHeads,
        long headDim,
        long blockSize,
        long topK,
        boolean causal,
        long threads,
        double milliseconds,
        double usefulGflop,
        double gflops,
        double peakGflops,
        double shareOfPeak,
        double readGigabytes,
        double readGbps,
        double bandwidthGbps,
        long peakBytes,
        long runs,
        boolean steady) {

    /** Share of the bandwidth; 0 where it was not measured. */
    double shareOfBandwidth() {
        return bandwidthGbps == 0 ? 0 : readGbps / bandwidthGbps;
    }

    /** What tells it from others of the same file. */
    List<Object> key() {
        return List.of(caseName, dtype, threads, contender);
    }

    /** Whether it was undisturbed, where another round met this peak. */
    private boolean isSteadyBeside(double peak) {
        return steady && peakGflops >= Samples.UNDISTURBED * peak;
    }

    /**
     * The better one of two rounds, undisturbed before disturbed, beside the best peak and bandwidth of both.
     *
     * @param other the same by the same contender
     */
    Measurement better(Measurement other) {
        double peak = Math.max(peakGflops, other.peakGflops);
        boolean mine = isSteadyBeside(peak);
        boolean theirs = other.isSteadyBeside(peak);
        boolean faster = milliseconds <= other.milliseconds;
        Measurement best = (mine == theirs ? faster : mine) ? this : other;
        return new Measurement(
                caseName,
                contender,
                direction,
                dtype,
                queries,
                tokens,
                heads,
                kvHeads,
                headDim,
                blockSize,
                topK,
                causal,
                threads,
                best.milliseconds,
                usefulGflop,
                best.gflops,
                peak,
                best.gflops / peak,
                readGigabytes,
                best.readGbps,
                Math.max(bandwidthGbps, other.bandwidthGbps),
                Math.max(peakBytes, other.peakBytes),
                runs + other.runs,
                mine || theirs);
    }

    /** Whether this is the case, by any contender. */
    boolean isOf(BenchCase which) {
        return caseName.equals(which.name()) && dtype.equals(which.dtype().name()) && threads == which.threads();
    }
}
