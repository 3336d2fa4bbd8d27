package dev.moba4j.cli.bench;

import dev.moba4j.DType;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
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
    Map<BenchCase, Set<Field>> cases(int threads, int mostThreads) {
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
        private final Map<BenchCase, Set<Field>> fields = new LinkedHashMap<>();
        private final int threads;

        Cases(int threads) {
            this.threads = threads;
        }

        Cases add(BenchCase which, Field... others) {
            return addAsItIs(which.withThreads(threads), Set.of(others));
        }

        Cases addAsItIs(BenchCase which, Set<Field> others) {
            fields.computeIfAbsent(which, unknown -> EnumSet.noneOf(Field.class))
                    .addAll(others);
            return this;
        }

        Cases addAll(Cases more) {
            more.fields.forEach(this::addAsItIs);
            return this;
        }
    }

    private static Cases quick(int threads, int mostThreads) {
        BenchCase moba = BenchCase.moba(8 * K, 512, 3);
        return new Cases(threads)
                .add(BenchCase.dense(K), Field.VECTOR, Field.SCALAR)
                .add(BenchCase.dense(8 * K), Field.VECTOR)
                .add(BenchCase.dense(8 * K).with(DType.BF16))
                .add(moba, Field.VECTOR)
                .add(moba.with(DType.F16))
                .add(BenchCase.moba(8 * K, 128, 8), Field.VECTOR)
                .add(BenchCase.moba(32 * K, 512, 3))
                .add(BenchCase.moba(32 * K, 128, 8).routeAlone())
                .add(BenchCase.dense(32 * K).decode().withHeads(8, 1))
                .add(BenchCase.moba(32 * K, 512, 3).decode().withHeads(8, 1))
                .addAsItIs(moba.withHeads(2, 2).withThreads(Math.min(2, mostThreads)), Set.of());
    }

    private static Cases peers(int threads, int mostThreads) {
        Cases cases = new Cases(threads);
        for (DType dtype : DTYPES) {
            for (long tokens : new long[] {K, 8 * K}) {
                cases.add(BenchCase.dense(tokens).with(dtype).notCausal(), Field.VECTOR, Field.PEERS);
                cases.add(BenchCase.dense(tokens).with(dtype), Field.VECTOR, Field.PEERS);
            }
            cases.add(BenchCase.dense(32 * K).with(dtype).decode().withHeads(8, 1), Field.PEERS);
        }
        return cases.add(BenchCase.dense(32 * K), Field.VECTOR, Field.PEERS)
                .add(BenchCase.moba(32 * K, 512, 3), Field.VECTOR)
                .add(BenchCase.dense(8 * K).withHeadDim(64), Field.PEERS);
    }

    private static Cases scaling(int threads, int mostThreads) {
        Cases cases = new Cases(threads);
        for (long heads : new long[] {1, 2}) {
            for (BenchCase which : List.of(BenchCase.dense(8 * K), BenchCase.moba(32 * K, 512, 3))) {
                for (int count = 1; count <= mostThreads; count *= 2) {
                    cases.addAsItIs(which.withHeads(heads, heads).withThreads(count), Set.of());
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
                    BenchCase step = prefill.decode().with(dtype);
                    for (long heads : new long[] {1, 4, 8}) {
                        cases.add(step.withHeads(heads, 1));
                    }
                    if (tokens == 32 * K) {
                        cases.add(step.withHeads(8, 8));
                        cases.add(step.withHeads(32, 8));
                    }
                }
            }
        }
        return cases;
    }

    private static Cases full(int threads, int mostThreads) {
        Cases cases = new Cases(threads)
                .add(BenchCase.dense(K), Field.VECTOR, Field.SCALAR)
                .addAll(peers(threads, mostThreads));
        for (long tokens : new long[] {8 * K, 32 * K}) {
            cases.add(BenchCase.moba(tokens, 512, 3), Field.VECTOR);
            cases.add(BenchCase.moba(tokens, 128, 8), Field.VECTOR);
        }
        for (DType dtype : DTYPES) {
            cases.add(BenchCase.moba(32 * K, 512, 3).with(dtype));
            cases.add(BenchCase.moba(32 * K, 128, 8).with(dtype));
        }
        return cases.add(BenchCase.moba(128 * K, 512, 3))
                .add(BenchCase.moba(128 * K, 128, 8))
                .add(BenchCase.moba(128 * K, 128, 8).routeAlone())
                .add(BenchCase.moba(8 * K, 512, 3).withHeads(8, 1))
                .addAll(scaling(threads, mostThreads))
                .addAll(decode(threads, mostThreads))
                .add(BenchCase.moba(1024 * K, 512, 3));
    }
}
