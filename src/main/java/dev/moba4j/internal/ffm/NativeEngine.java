package dev.moba4j.internal.ffm;

import dev.moba4j.AttentionOptions;
import dev.moba4j.BackendStatus;
import dev.moba4j.BackendUnavailableException;
import dev.moba4j.PlanSpec;
import dev.moba4j.Routing;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.bindings.moba_backend_info;
import dev.moba4j.bindings.moba_engine_info;
import dev.moba4j.bindings.moba_engine_options;
import dev.moba4j.bindings.moba_merge_shapes;
import dev.moba4j.bindings.moba_options;
import dev.moba4j.bindings.moba_plan_config;
import dev.moba4j.internal.BackendEngine;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.MergeOperands;
import dev.moba4j.internal.Runner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A {@code moba_engine}. */
class NativeEngine implements BackendEngine {
    private final MemorySegment handle;
    private final String target;
    private final String device;
    private final int threads;

    /** Takes over the handle. */
    NativeEngine(MemorySegment handle) {
        this.handle = handle;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = moba_engine_info.allocate(arena);
            moba_engine_info.struct_size(info, info.byteSize());
            NativeStatus.check(MobaLibrary.moba_engine_get_info(handle, info));
            target = moba_engine_info.name(info).getString(0);
            device = moba_engine_info.device(info).getString(0);
            threads = moba_engine_info.num_threads(info);
        }
    }

    /**
     * Starts an engine of the library.
     *
     * @throws BackendUnavailableException if it cannot be had here
     */
    static MemorySegment create(int backend, int cpuTarget, int threads, int deviceOrdinal) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = moba_engine_options.allocate(arena);
            moba_engine_options.struct_size(struct, struct.byteSize());
            moba_engine_options.backend(struct, backend);
            moba_engine_options.cpu_target(struct, cpuTarget);
            moba_engine_options.num_threads(struct, threads);
            moba_engine_options.device_id(struct, deviceOrdinal);
            MemorySegment handle = arena.allocate(MobaLibrary.C_POINTER);
            int status = MobaLibrary.moba_engine_create(struct, handle);
            if (status == MobaLibrary.MOBA_UNSUPPORTED()) {
                throw new BackendUnavailableException(
                        MobaLibrary.moba_last_error().getString(0));
            }
            NativeStatus.check(status);
            return handle.get(MobaLibrary.C_POINTER, 0);
        }
    }

    /** What the library finds of a backend on this machine. */
    static List<BackendStatus> found(int backend) {
        List<BackendStatus> statuses = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = moba_backend_info.allocate(arena);
            moba_backend_info.struct_size(info, info.byteSize());
            for (int index = 0; index < MobaLibrary.moba_backend_count(); index++) {
                NativeStatus.check(MobaLibrary.moba_backend_get(index, info));
                if (moba_backend_info.backend(info) == backend) {
                    statuses.add(new BackendStatus(
                            moba_backend_info.name(info).getString(0),
                            moba_backend_info.available(info) != 0,
                            moba_backend_info.detail(info).getString(0)));
                }
            }
        }
        return statuses;
    }

    /** The {@code moba_engine}. */
    final MemorySegment handle() {
        return handle;
    }

    @Override
    public String target() {
        return target;
    }

    @Override
    public int threads() {
        return threads;
    }

    @Override
    public String device() {
        return device;
    }

    @Override
    public BackendPlan plan(PlanSpec spec) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment config = moba_plan_config.allocate(arena);
            moba_plan_config.struct_size(config, config.byteSize());
            moba_plan_config.dtype(config, TensorDescription.code(spec.dtype()));
            moba_plan_config.num_heads(config, spec.heads());
            moba_plan_config.num_kv_heads(config, spec.kvHeads());
            moba_plan_config.head_dim(config, spec.headDim());
            moba_plan_config.head_dim_v(config, spec.headDimV());
            moba_plan_config.max_tokens_q(config, spec.maxTokensQ());
            moba_plan_config.max_tokens_k(config, spec.maxTokensK());
            moba_plan_config.max_sequences(config, spec.maxSequences());
            moba_plan_config.max_selected(config, spec.maxSelected());
            fill(moba_plan_config.options(config), spec.options());
            MemorySegment plan = arena.allocate(MobaLibrary.C_POINTER);
            NativeStatus.check(MobaLibrary.moba_plan_create(handle, config, plan));
            return new NativePlan(plan.get(MobaLibrary.C_POINTER, 0), this);
        }
    }

    /** What performs runs of a {@code moba_plan}. */
    Runner newRunner(MemorySegment plan, long workspaceBytes) {
        return new NativeRunner(plan, NativeMemory.allocate(workspaceBytes));
    }

    @Override
    public void mergeStates(MergeOperands operands) {
        mergeStates(operands, MemorySegment.NULL);
    }

    /** Merges, or enqueues a merge where there are streams. */
    public void mergeStates(MergeOperands operands, MemorySegment stream) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment shapes = moba_merge_shapes.allocate(arena);
            moba_merge_shapes.struct_size(shapes, shapes.byteSize());
            TensorDescription.fill(TensorDescription.begin(moba_merge_shapes.o_a(shapes)), operands.oA());
            TensorDescription.fill(TensorDescription.begin(moba_merge_shapes.lse_a(shapes)), operands.lseA());
            TensorDescription.fill(TensorDescription.begin(moba_merge_shapes.o_b(shapes)), operands.oB());
            TensorDescription.fill(TensorDescription.begin(moba_merge_shapes.lse_b(shapes)), operands.lseB());
            TensorDescription.fill(TensorDescription.begin(moba_merge_shapes.o(shapes)), operands.o());
            TensorDescription.fill(TensorDescription.begin(moba_merge_shapes.lse(shapes)), operands.lse());
            NativeStatus.check(MobaLibrary.moba_merge_states(
                    handle,
                    shapes,
                    operands.oA().segment(),
                    operands.lseA().segment(),
                    operands.oB().segment(),
                    operands.lseB().segment(),
                    operands.o().segment(),
                    operands.lse().segment(),
                    stream));
        }
    }

    @Override
    public void close() {
        NativeStatus.check(MobaLibrary.moba_engine_destroy(handle));
    }

    private static void fill(MemorySegment struct, AttentionOptions options) {
        moba_options.struct_size(struct, struct.byteSize());
        moba_options.attention(
                struct, options.full() ? MobaLibrary.MOBA_ATTENTION_FULL() : MobaLibrary.MOBA_ATTENTION_BLOCK_SPARSE());
        moba_options.causal(struct, options.causal() ? 1 : 0);
        moba_options.routing(
                struct,
                options.routing() == Routing.PER_GROUP
                        ? MobaLibrary.MOBA_ROUTING_PER_GROUP()
                        : MobaLibrary.MOBA_ROUTING_PER_HEAD());
        moba_options.block_size(struct, options.blockSize());
        moba_options.top_k(struct, options.topK());
        moba_options.sink_blocks(struct, options.sinkBlocks());
        moba_options.local_blocks(struct, options.localBlocks());
        moba_options.softmax_scale(struct, options.softmaxScale().orElse(0));
    }
}
