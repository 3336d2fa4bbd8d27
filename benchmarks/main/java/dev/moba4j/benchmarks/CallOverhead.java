package dev.moba4j.benchmarks;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.AttentionPlan;
import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.EngineOptions;
import dev.moba4j.PlanSpec;
import dev.moba4j.Tensor;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.bindings.moba_engine_options;
import dev.moba4j.bindings.moba_options;
import dev.moba4j.bindings.moba_plan_config;
import dev.moba4j.bindings.moba_run_shapes;
import dev.moba4j.bindings.moba_tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What the Java library adds to a call: the smallest attention there is, one query and one key, by a plan and by the C
 * function with everything prepared. Their difference is validation, description and bookkeeping.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class CallOverhead {
    private static final int CHANNELS = 8;

    private final Arena arena = Arena.ofShared();
    private final Engine engine =
            Engine.open(EngineOptions.defaults().withBackend("native").withThreads(1));
    private final Tensor q = tensor().fill(0.5);
    private final Tensor k = tensor().fill(0.25);
    private final Tensor v = tensor().fill(3);
    private final Tensor o = tensor();
    private final AttentionInputs inputs = AttentionInputs.of(q, k, v);
    private final AttentionOutputs outputs = AttentionOutputs.of(o);
    private final AttentionPlan plan = engine.plan(PlanSpec.forTensors(q, k, v, null, AttentionOptions.moba(8, 1)));

    private MemorySegment nativeEngine = MemorySegment.NULL;
    private MemorySegment nativePlan = MemorySegment.NULL;
    private MemorySegment shapes = MemorySegment.NULL;
    private MemorySegment workspace = MemorySegment.NULL;

    private Tensor tensor() {
        return Tensor.allocate(arena, DType.F32, 1, 1, CHANNELS);
    }

    /** Makes engine and plan of the C interface, and sees that both ways compute the same. */
    @Setup
    public void prepare() {
        MemorySegment handle = arena.allocate(ValueLayout.ADDRESS);
        MemorySegment engineOptions = moba_engine_options.allocate(arena);
        moba_engine_options.struct_size(engineOptions, engineOptions.byteSize());
        moba_engine_options.backend(engineOptions, MobaLibrary.MOBA_BACKEND_CPU());
        moba_engine_options.num_threads(engineOptions, 1);
        check(MobaLibrary.moba_engine_create(engineOptions, handle));
        nativeEngine = handle.get(ValueLayout.ADDRESS, 0);

        MemorySegment config = moba_plan_config.allocate(arena);
        moba_plan_config.struct_size(config, config.byteSize());
        moba_plan_config.dtype(config, MobaLibrary.MOBA_F32());
        moba_plan_config.num_heads(config, 1);
        moba_plan_config.num_kv_heads(config, 1);
        moba_plan_config.head_dim(config, CHANNELS);
        moba_plan_config.head_dim_v(config, CHANNELS);
        moba_plan_config.max_tokens_q(config, 1);
        moba_plan_config.max_tokens_k(config, 1);
        moba_plan_config.max_sequences(config, 1);
        MemorySegment options = moba_plan_config.options(config);
        MobaLibrary.moba_options_init(options);
        moba_options.block_size(options, 8);
        moba_options.top_k(options, 1);
        check(MobaLibrary.moba_plan_create(nativeEngine, config, handle));
        nativePlan = handle.get(ValueLayout.ADDRESS, 0);

        MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
        check(MobaLibrary.moba_plan_workspace_bytes(nativePlan, bytes));
        workspace = arena.allocate(bytes.get(ValueLayout.JAVA_LONG, 0), 64);

        shapes = moba_run_shapes.allocate(arena);
        moba_run_shapes.struct_size(shapes, shapes.byteSize());
        describe(moba_run_shapes.q(shapes));
        describe(moba_run_shapes.k(shapes));
        describe(moba_run_shapes.v(shapes));
        describe(moba_run_shapes.o(shapes));
        moba_tensor.struct_size(moba_run_shapes.lse(shapes), moba_tensor.sizeof());
        moba_tensor.struct_size(moba_run_shapes.selected(shapes), moba_tensor.sizeof());
        moba_tensor.struct_size(moba_run_shapes.cu_seqlens_q(shapes), moba_tensor.sizeof());
        moba_tensor.struct_size(moba_run_shapes.cu_seqlens_k(shapes), moba_tensor.sizeof());

        java();
        float[] byPlan = o.toFloats();
        o.fill(0);
        c();
        if (!Arrays.equals(byPlan, o.toFloats()) || byPlan[CHANNELS - 1] != 3) {
            throw new IllegalStateException(
                    "the plan gives " + Arrays.toString(byPlan) + ", the C function " + Arrays.toString(o.toFloats()));
        }
    }

    private static void describe(MemorySegment tensor) {
        moba_tensor.struct_size(tensor, moba_tensor.sizeof());
        moba_tensor.dtype(tensor, MobaLibrary.MOBA_F32());
        moba_tensor.device_type(tensor, MobaLibrary.MOBA_DEVICE_CPU());
        moba_tensor.ndim(tensor, 3);
        long[] shape = {1, 1, CHANNELS};
        for (int axis = 0; axis < shape.length; axis++) {
            moba_tensor.shape(tensor, axis, shape[axis]);
            moba_tensor.stride(tensor, axis, 1);
        }
    }

    private static int check(int status) {
        if (status != MobaLibrary.MOBA_OK()) {
            throw new IllegalStateException(MobaLibrary.moba_last_error().getString(0));
        }
        return status;
    }

    /** The C function, its struct filled in beforehand. */
    @Benchmark
    public int c() {
        return check(MobaLibrary.moba_attend(
                nativePlan,
                shapes,
                q.segment(),
                k.segment(),
                v.segment(),
                MemorySegment.NULL,
                MemorySegment.NULL,
                o.segment(),
                MemorySegment.NULL,
                MemorySegment.NULL,
                workspace,
                workspace.byteSize(),
                MemorySegment.NULL,
                MemorySegment.NULL,
                MemorySegment.NULL));
    }

    /** A run of a plan. */
    @Benchmark
    public void java() {
        plan.attend(inputs, outputs);
    }

    /** Releases everything. */
    @TearDown
    public void close() {
        check(MobaLibrary.moba_plan_destroy(nativePlan));
        check(MobaLibrary.moba_engine_destroy(nativeEngine));
        plan.close();
        engine.close();
        arena.close();
    }
}
