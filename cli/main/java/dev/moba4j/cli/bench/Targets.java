package dev.moba4j.cli.bench;

import dev.moba4j.DType;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The project's targets for the CPU, beside what a result file says. */
final class Targets {
    private static final long K = 1024;
    private static final double GIBI = 1L << 30;
    private static final String NATIVE = "native";
    private static final List<DType> NARROW = List.of(DType.F16, DType.BF16);

    private static final double SHARE_OF_BANDWIDTH = 0.85;
    private static final double SHARE_OF_PEAK = 0.70;
    private static final long MILLION_TO_32K = 32;

    private final ResultFile result;
    private final List<Target> targets = new ArrayList<>();

    private Targets(ResultFile result) {
        this.result = result;
    }

    /** All targets. */
    static List<Target> of(ResultFile result) {
        Targets targets = new Targets(result);
        targets.sharesOfPeak();
        targets.threads();
        targets.narrowTypes();
        targets.peers();
        targets.decode();
        targets.million();
        return targets.targets;
    }

    private void sharesOfPeak() {
        share(BenchCase.dense(8 * K), 0.90);
        share(BenchCase.dense(32 * K), 0.90);
        share(BenchCase.dense(8 * K).withHeadDim(64), 0.85);
        share(BenchCase.dense(K), 0.80);
        share(BenchCase.moba(8 * K, 512, 3), 0.82);
        share(BenchCase.moba(32 * K, 512, 3), 0.82);
        share(BenchCase.moba(128 * K, 512, 3), 0.80);
        share(BenchCase.moba(8 * K, 128, 8), 0.72);
        share(BenchCase.moba(32 * K, 128, 8), 0.72);
        share(BenchCase.moba(128 * K, 128, 8), 0.65);
        share(BenchCase.moba(128 * K, 128, 8).routeAlone(), 0.70);
    }

    private void share(BenchCase which, double required) {
        String text = BenchTable.percent(required) + " of peak";
        Optional<Measurement> measured = byNative(which);
        targets.add(measured.map(m -> Target.of(
                        label(which),
                        text,
                        BenchTable.percent(m.shareOfPeak()) + disturbed(m),
                        m.shareOfPeak() >= required))
                .orElseGet(() -> Target.notMeasured(label(which), text)));
    }

    private void threads() {
        for (long heads : new long[] {2, 1}) {
            for (BenchCase which : List.of(BenchCase.dense(8 * K), BenchCase.moba(32 * K, 512, 3))) {
                BenchCase one = which.withHeads(heads, heads);
                ratio(
                        label(one) + ", two threads over one",
                        heads == 1 ? 1.85 : 1.9,
                        byNative(one),
                        byNative(one.withThreads(2)));
            }
        }
    }

    private void narrowTypes() {
        boolean dots = result.setting().features().contains("avx512_bf16");
        for (BenchCase which : List.of(
                BenchCase.dense(K),
                BenchCase.dense(8 * K),
                BenchCase.moba(32 * K, 512, 3),
                BenchCase.moba(32 * K, 128, 8))) {
            for (DType dtype : NARROW) {
                double required = 0.95;
                if (dots && dtype == DType.BF16) {
                    required = which.isRouted() ? 1.35 : 1.5;
                }
                ratio(label(which.with(dtype)) + " over F32", required, byNative(which), byNative(which.with(dtype)));
            }
        }
    }

    private void peers() {
        for (long tokens : new long[] {K, 8 * K}) {
            overBestPeer(BenchCase.dense(tokens).notCausal(), 1.1);
        }
        overBestPeer(BenchCase.dense(K), 1.4);
        overBestPeer(BenchCase.dense(8 * K), 1.15);
        overBestPeer(BenchCase.dense(32 * K), 1.15);
        for (long tokens : new long[] {K, 8 * K}) {
            overBestPeer(BenchCase.dense(tokens).with(DType.F16).notCausal(), 1.6);
            overBestPeer(BenchCase.dense(tokens).with(DType.F16), 1.6);
        }
        BenchCase moba = BenchCase.moba(32 * K, 512, 3);
        ratio(
                label(moba) + " over pytorch in " + BenchCase.dense(32 * K).name(),
                13,
                best(BenchCase.dense(32 * K), m -> m.contender().equals("pytorch")),
                byNative(moba));
    }

    private void overBestPeer(BenchCase which, double required) {
        Optional<Measurement> peer = best(
                which,
                m -> !m.contender().equals(NATIVE)
                        && !m.contender().equals("vector")
                        && !m.contender().equals("scalar"));
        ratio(
                label(which) + " over " + peer.map(Measurement::contender).orElse("the best peer"),
                required,
                peer,
                byNative(which));
    }

    private void ratio(String what, double required, Optional<Measurement> slow, Optional<Measurement> fast) {
        String text = BenchTable.format("%.2f times as fast", required);
        if (slow.isEmpty() || fast.isEmpty()) {
            targets.add(Target.notMeasured(what, text));
            return;
        }
        double ratio = slow.get().milliseconds() / fast.get().milliseconds();
        targets.add(Target.of(
                what, text, BenchTable.format("%.2f", ratio) + disturbed(slow.get(), fast.get()), ratio >= required));
    }

    private void decode() {
        String required = BenchTable.percent(SHARE_OF_BANDWIDTH) + " of bandwidth or "
                + BenchTable.percent(SHARE_OF_PEAK) + " of peak";
        for (BenchCase which : Suite.DECODE.cases(1, 1).keySet()) {
            targets.add(byNative(which)
                    .map(m -> Target.of(
                            label(which),
                            required,
                            BenchTable.percent(m.shareOfBandwidth()) + ", " + BenchTable.percent(m.shareOfPeak())
                                    + disturbed(m),
                            m.shareOfBandwidth() >= SHARE_OF_BANDWIDTH || m.shareOfPeak() >= SHARE_OF_PEAK))
                    .orElseGet(() -> Target.notMeasured(label(which), required)));
        }
    }

    private void million() {
        BenchCase moba = BenchCase.moba(K * K, 512, 3);
        Optional<Measurement> measured = byNative(moba);
        String memory = "4 GiB resident at most";
        targets.add(measured.map(m -> Target.of(
                        label(moba),
                        memory,
                        BenchTable.format("%.2f GiB", m.peakBytes() / GIBI),
                        m.peakBytes() <= 4 * GIBI))
                .orElseGet(() -> Target.notMeasured(label(moba), memory)));
        String what = label(moba) + " over dense_32k, extrapolated";
        String times = "200 times as fast";
        Optional<Measurement> full = byNative(BenchCase.dense(32 * K));
        if (measured.isEmpty() || full.isEmpty()) {
            targets.add(Target.notMeasured(what, times));
            return;
        }
        double ratio = full.get().milliseconds()
                * MILLION_TO_32K
                * MILLION_TO_32K
                / measured.get().milliseconds();
        targets.add(Target.of(
                what, times, BenchTable.format("%.0f", ratio) + disturbed(full.get(), measured.get()), ratio >= 200));
    }

    private Optional<Measurement> byNative(BenchCase which) {
        return best(which, m -> m.contender().equals(NATIVE));
    }

    private Optional<Measurement> best(BenchCase which, Predicate<Measurement> by) {
        return result.measurements().stream()
                .filter(m -> m.isOf(which))
                .filter(by)
                .min(Comparator.comparingDouble(Measurement::milliseconds));
    }

    private static String disturbed(Measurement... measurements) {
        return Stream.of(measurements).allMatch(Measurement::steady) ? "" : BenchTable.DISTURBED;
    }

    private static String label(BenchCase which) {
        return which.name() + (which.dtype() == DType.F32 ? "" : " " + which.dtype());
    }
}
