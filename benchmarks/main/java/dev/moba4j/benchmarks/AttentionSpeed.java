package dev.moba4j.benchmarks;

import dev.moba4j.RunControl;
import dev.moba4j.cli.bench.Attempt;
import dev.moba4j.cli.bench.BenchCase;
import dev.moba4j.cli.bench.Contenders;
import dev.moba4j.cli.bench.Operands;
import dev.moba4j.cli.bench.Suite;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Cases of {@code moba bench} in JVMs of their own, one contender each: what the Java backends reach does not depend on what ran
 * before. Peers take part with their jars on the class path, by {@code -p contender=pytorch}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class AttentionSpeed {
    /** A backend of the library, or a peer. */
    @Param({"native", "vector"})
    public String contender = "native";

    /** A case of the suite {@code full}. */
    @Param({"dense_1k", "dense_8k", "moba_8k_b512_k3", "moba_8k_b128_k8"})
    public String shape = "dense_1k";

    private final Arena arena = Arena.ofShared();
    private final RunControl control = RunControl.create();
    private @Nullable Attempt attempt;

    /** Makes the inputs and what the contender needs. */
    @Setup
    public void prepare() {
        BenchCase which = Suite.FULL.named(shape);
        attempt = Contenders.named(contender).prepare(which, Operands.of(which, arena));
    }

    /** One attention. */
    @Benchmark
    public void attend() {
        attempt.run(control);
    }

    /** Releases everything. */
    @TearDown
    public void close() {
        attempt.close();
        control.close();
        arena.close();
    }
}
