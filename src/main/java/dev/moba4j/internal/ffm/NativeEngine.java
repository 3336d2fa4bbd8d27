package dev.moba4j.internal.ffm;

import dev.moba4j.AttentionOptions;
import dev.moba4j.PlanSpec;
import dev.moba4j.Routing;
import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.bindings.moba_engine_info;
import dev.moba4j.bindings.moba_merge_shapes;
import dev.moba4j.bindings.moba_options;
import dev.moba4j.bindings.moba_plan_config;
import dev.moba4j.internal.BackendEngine;
import dev.moba4j.internal.BackendPlan;
import dev.moba4j.internal.MergeOperands;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A {@code moba_engine}. */
final class NativeEngine implements BackendEngine {
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
            return new NativePlan(plan.get(MobaLibrary.C_POINTER, 0));
        }
    }

    @Override
    public void mergeStates(MergeOperands operands) {
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
                    MemorySegment.NULL));
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
