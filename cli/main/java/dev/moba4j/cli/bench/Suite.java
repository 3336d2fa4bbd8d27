package dev.moba4j.cli.bench;

import dev.moba4j.DType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;

/** Cases that are measured together. Names that {@code moba_bench} has as well are the same shapes there. */
public enum Suite {
    /** A few of each kind, within a minute. */
    QUICK(0.4, Suite::quick),
    /** What docs/benchmarks.md shows: all of the others, and more shapes. */
    FULL(1.5, Suite::full),
    /** Beside PyTorch and ONNX Runtime. */
    PEERS(1.5, Suite::peers),
    /** One thread, two, and so on. */
    SCALING(1.5, Suite::scaling),
    /** One query against many keys. */
    DECODE(1.0, Suite::decode);

    private static final long K = 1024;
    private static final List<DType> DTYPES = List.of(DType.F32, DType.F16, DType.BF16);

    private final double seconds;
    private final BiFunction<Integer, Integer, Cases> cases;

    Suite(double seconds, BiFunction<Integer, Integer, Cases> cases) {
        this.seconds = seconds;
        this.cases = cases;
    }

    /** Seconds of timed runs for each contender of a case. */
    double seconds() {
        return seconds;
    }

    /** Name on the command line. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Who takes part in which case.
     *
     * @param threads of all cases but those that are about threads
     * @param mostThreads of those
     */
    Map<BenchCase, Field> cases(int threads, int mostThreads) {
        return cases.apply(threads, mostThreads).fields;
    }

    /** The fp32 case of this name, by one thread. */
    public BenchCase named(String name) {
        return cases(1, 1).keySet().stream()
                .filter(which -> which.name().equals(name) && which.dtype() == DType.F32)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("there is no case '" + name + "' in " + word()));
    }

    private static final class Cases {
        private final Map<BenchCase, Field> fields = new LinkedHashMap<>();
        private final int threads;

        Cases(int threads) {
            this.threads = threads;
        }

        Cases add(Field field, BenchCase which) {
            return addAsItIs(field, which.withThreads(threads));
        }

        Cases addAsItIs(Field field, BenchCase which) {
            fields.merge(which, field, (a, b) -> a.compareTo(b) > 0 ? a : b);
            return this;
        }

        Cases addAll(Cases others) {
            others.fields.forEach((which, field) -> addAsItIs(field, which));
            return this;
        }
    }

    private static Cases quick(int threads, int mostThreads) {
        BenchCase moba = BenchCase.moba(8 * K, 512, 3);
        return new Cases(threads)
                .add(Field.BACKENDS, BenchCase.dense(K))
                .add(Field.VECTOR, BenchCase.dense(8 * K))
                .add(Field.NATIVE, BenchCase.dense(8 * K).with(DType.BF16))
                .add(Field.VECTOR, moba)
                .add(Field.NATIVE, moba.with(DType.F16))
                .add(Field.VECTOR, BenchCase.moba(8 * K, 128, 8))
                .add(Field.NATIVE, BenchCase.moba(32 * K, 512, 3))
                .add(Field.NATIVE, BenchCase.moba(32 * K, 128, 8).routeAlone())
                .add(Field.NATIVE, BenchCase.dense(32 * K).decode().withHeads(8, 1))
                .add(Field.NATIVE, BenchCase.moba(32 * K, 512, 3).decode().withHeads(8, 1))
                .addAsItIs(Field.NATIVE, moba.withHeads(2, 2).withThreads(Math.min(2, mostThreads)));
    }

    private static Cases peers(int threads, int mostThreads) {
        Cases cases = new Cases(threads);
        for (DType dtype : DTYPES) {
            for (long tokens : new long[] {K, 8 * K}) {
                cases.add(Field.ALL, BenchCase.dense(tokens).with(dtype).notCausal());
                cases.add(Field.ALL, BenchCase.dense(tokens).with(dtype));
            }
            cases.add(Field.PEERS, BenchCase.dense(32 * K).with(dtype).decode().withHeads(8, 1));
        }
        return cases.add(Field.ALL, BenchCase.dense(32 * K))
                .add(Field.VECTOR, BenchCase.moba(32 * K, 512, 3))
                .add(Field.PEERS, BenchCase.dense(8 * K).withHeadDim(64));
    }

    private static Cases scaling(int threads, int mostThreads) {
        Cases cases = new Cases(threads);
        for (long heads : new long[] {1, 2}) {
            for (BenchCase which : List.of(BenchCase.dense(8 * K), BenchCase.moba(32 * K, 512, 3))) {
                for (int count = 1; count <= mostThreads; count *= 2) {
                    cases.addAsItIs(Field.NATIVE, which.withHeads(heads, heads).withThreads(count));
                }
            }
        }
        return cases;
    }

    private static Cases decode(int threads, int mostThreads) {
        Cases cases = new Cases(threads);
        for (long tokens : new long[] {32 * K, 256 * K}) {
            for (BenchCase prefill :
                    List.of(BenchCase.dense(tokens), BenchCase.moba(tokens, 128, 8), BenchCase.moba(tokens, 512, 3))) {
                for (DType dtype : List.of(DType.F32, DType.F16)) {
                    for (long heads : new long[] {1, 4, 8}) {
                        cases.add(Field.NATIVE, prefill.decode().with(dtype).withHeads(heads, 1));
                    }
                }
            }
        }
        return cases;
    }

    private static Cases full(int threads, int mostThreads) {
        Cases cases = new Cases(threads).add(Field.BACKENDS, BenchCase.dense(K)).addAll(peers(threads, mostThreads));
        List<BenchCase> shapes = new ArrayList<>();
        for (long tokens : new long[] {8 * K, 32 * K, 128 * K}) {
            shapes.add(BenchCase.moba(tokens, 512, 3));
            shapes.add(BenchCase.moba(tokens, 128, 8));
        }
        for (BenchCase which : shapes) {
            cases.add(which.tokens() > 32 * K ? Field.NATIVE : Field.VECTOR, which);
        }
        for (DType dtype : DTYPES) {
            cases.add(Field.NATIVE, BenchCase.moba(32 * K, 512, 3).with(dtype));
            cases.add(Field.NATIVE, BenchCase.moba(32 * K, 128, 8).with(dtype));
        }
        return cases.add(Field.NATIVE, BenchCase.moba(8 * K, 512, 3).withHeads(8, 1))
                .add(Field.NATIVE, BenchCase.moba(128 * K, 128, 8).routeAlone())
                .addAll(scaling(threads, mostThreads))
                .addAll(decode(threads, mostThreads))
                .add(Field.NATIVE, BenchCase.moba(1024 * K, 512, 3));
    }
}
