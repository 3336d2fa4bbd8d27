#include "cuda/emulated_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "core/carver.h"
#include "cuda/runtime.h"
#include "storage.h"

namespace moba_test {
namespace {

namespace core = moba::core;
using moba::cuda::ThreadOrder;

core::OutputRows Rows(const std::optional<TensorMemory>& memory, bool batched) {
  if (!memory) return {};
  const moba_tensor tensor = memory->Describe();
  const int first = batched ? 1 : 0;
  return {.data = reinterpret_cast<char*>(memory->origin()),
          .element_size = static_cast<int64_t>(ElementSize(tensor.dtype)),
          .batch_stride = batched ? tensor.stride[0] : 0,
          .token_stride = tensor.stride[first],
          .head_stride = tensor.stride[first + 1],
          .channel_stride = tensor.ndim > first + 2 ? tensor.stride[first + 2] : 1};
}

core::InputRows Inputs(const std::optional<TensorMemory>& memory, bool batched) {
  const core::OutputRows rows = Rows(memory, batched);
  return {rows.data,         rows.element_size, rows.batch_stride,
          rows.token_stride, rows.head_stride,  rows.channel_stride};
}

core::Operation OperationOf(Operation operation) {
  switch (operation) {
    case Operation::kRoute:
      return core::Operation::kRoute;
    case Operation::kAttend:
      return core::Operation::kAttend;
    case Operation::kAttendSelected:
      break;
  }
  return core::Operation::kAttendSelected;
}

}  // namespace

bool ProblemSource::Next(void* state, int64_t index, core::Sequence* result) {
  const ProblemSource& source = *static_cast<ProblemSource*>(state);
  if (index >= source.given) return false;
  const auto s = static_cast<size_t>(index);
  *result = {};
  result->q_len = source.problem.sequences[s].q;
  result->k_len = source.problem.sequences[s].k;
  if (source.batched) {
    result->batch = index;
  } else {
    result->q_begin = source.problem.FirstQ(s);
    result->k_begin = source.problem.FirstK(s);
  }
  return true;
}

StoredSequences::StoredSequences(const Problem& problem, core::Operation operation, bool batched,
                                 int64_t longest_sum)
    : records(problem.sequences.size()) {
  core::PlanShape shape = {};
  shape.block_size = problem.options.block_size;
  shape.options.top_k = problem.options.top_k;
  ProblemSource source = {problem, batched};
  EXPECT_TRUE(moba::cuda::StoreSequences(
                  {nullptr, kEmulatedWorkers}, shape, operation, {&ProblemSource::Next, &source},
                  static_cast<int64_t>(records.size()), longest_sum, records.data(), totals)
                  .ok());
}

core::PlanShape ShapeOf(const Problem& problem, const moba_plan_config& config) {
  return {.dtype = static_cast<core::DType>(config.dtype),
          .num_heads = config.num_heads,
          .num_kv_heads = config.num_kv_heads,
          .head_dim = config.head_dim,
          .head_dim_v = config.head_dim_v,
          .max_tokens_q = config.max_tokens_q,
          .max_tokens_k = config.max_tokens_k,
          .max_sequences = config.max_sequences,
          .max_selected = config.max_selected,
          .block_size = config.options.block_size,
          .options = {.causal = config.options.causal != 0,
                      .per_group = config.options.routing == MOBA_ROUTING_PER_GROUP,
                      .top_k = config.options.top_k,
                      .sink_blocks = config.options.sink_blocks,
                      .local_blocks = config.options.local_blocks,
                      .score_scale = static_cast<float>(problem.Scale() * 1.4426950408889634)}};
}

core::Problem RunOf(const Problem& problem, const RunOptions& options, const Call& call) {
  const bool batched = options.batch_axis;
  const core::PlanShape shape = ShapeOf(problem, call.config);
  const bool given = call.operation == Operation::kAttendSelected;
  return {
      .operation = OperationOf(call.operation),
      .dtype = shape.dtype,
      .options = shape.options,
      .num_heads = shape.num_heads,
      .num_kv_heads = shape.num_kv_heads,
      .head_dim = shape.head_dim,
      .head_dim_v = shape.head_dim_v,
      .q = Inputs(call.q_memory, batched),
      .k = Inputs(call.k_memory, batched),
      .v = Inputs(call.v_memory, batched),
      .o = Rows(call.o_memory, batched),
      .lse = Rows(call.lse_memory, batched),
      .selected_out = given ? core::OutputRows{} : Rows(call.selected_memory, batched),
      .selected_in = given ? Inputs(call.selected_memory, batched) : core::InputRows{},
      .selected_width =
          call.selected_memory ? call.shapes.selected.shape[call.shapes.selected.ndim - 1] : 0,
      .sequences = nullptr,
      .num_sequences = static_cast<int64_t>(problem.sequences.size()),
  };
}

moba::cuda::Status Emulate(const Problem& problem, const RunOptions& options, Call& call,
                           int64_t given_sequences, const moba::cuda::Limits& limits) {
  moba::cuda::Plan plan = moba::cuda::MakePlan(ShapeOf(problem, call.config));
  plan.limits = limits;
  call.workspace_memory.emplace(
      moba::cuda::WorkspaceBytes(plan, kEmulatedWorkers, moba::cuda::emulated_tensor_cores),
      core::kWorkspaceAlignment);
  std::memset(call.workspace_memory->data(), options.workspace_fill, call.workspace_memory->size());
  ProblemSource source = {problem, options.batch_axis, given_sequences};
  return moba::cuda::Run(plan, RunOf(problem, options, call), {&ProblemSource::Next, &source},
                         call.workspace_memory->data(),
                         {nullptr, kEmulatedWorkers, moba::cuda::emulated_tensor_cores,
                          moba::cuda::Multiprocessors()});
}

Outcome InEveryOrder(const Problem& problem, Operation operation, const RunOptions& options,
                     const Selection* imported,
                     const std::function<moba::cuda::Status(Call& call)>& run) {
  Outcome first;
  for (ThreadOrder order : kThreadOrders) {
    moba::cuda::emulated_order = order;
    Call call(problem, operation, options, imported);
    EXPECT_TRUE(run(call).ok());
    const Outcome outcome = call.ReadOutcome();
    if (order == ThreadOrder::kAscending) {
      first = outcome;
      continue;
    }
    EXPECT_TRUE(outcome.o_bits == first.o_bits) << "o depends on the order of threads";
    EXPECT_TRUE(outcome.lse_bits == first.lse_bits) << "lse depends on the order of threads";
    EXPECT_TRUE(outcome.selection.blocks == first.selection.blocks)
        << "the selection depends on the order of threads";
  }
  moba::cuda::emulated_order = ThreadOrder::kAscending;
  return first;
}

Outcome Emulate(const Problem& problem, Operation operation, const RunOptions& options,
                const Selection* imported, const moba::cuda::Limits& limits) {
  return InEveryOrder(problem, operation, options, imported, [&](Call& call) {
    return Emulate(problem, options, call, INT64_MAX, limits);
  });
}

}  // namespace moba_test
