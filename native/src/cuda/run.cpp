#include "cuda/run.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>

#include "core/carver.h"
#include "cuda/attend.h"
#include "cuda/centroids.h"
#include "cuda/full_attention.h"
#include "cuda/route.h"
#include "cuda/sequence_table.h"
#include "cuda/tensor_cores/forward.h"
#include "cuda/tensor_cores/route.h"

namespace moba::cuda {
namespace {

using core::CeilDiv;
using core::Operation;

int64_t CentroidBytes(const core::PlanShape& shape, int64_t most_centroids,
                      TensorCores tensor_cores) {
  if (CanRoute(tensor_cores, shape.dtype, shape.head_dim, shape.options)) {
    return CentroidPanels::In(nullptr, shape.head_dim, most_centroids, shape.max_sequences)
        .Bytes(shape.num_kv_heads);
  }
  return shape.num_kv_heads * most_centroids * shape.head_dim * core::SizeOf(shape.dtype);
}

struct Workspace {
  SequenceRecord* sequences;
  char* centroids = nullptr;
  int32_t* selected;  // [row][head][width], where the caller has no use for it
  float* scores;      // [worker][most_blocks]
  std::optional<ForwardMemory> on_tensor_cores;
  std::optional<FullAttention> by_cudnn;

  int64_t width;
  int64_t most_blocks;  // of one sequence

  Workspace(const Plan& plan, int64_t workers, TensorCores tensor_cores, core::Carver& carver) {
    const core::PlanShape& shape = plan.shape;
    const int64_t tokens = shape.max_tokens_k;
    const int64_t block = std::max<int64_t>(shape.block_size, 1);
    most_blocks = CeilDiv(tokens, block);
    // Where K is at least the number of blocks, or 0, nothing is routed.
    const bool routes =
        shape.block_size > 0 && shape.options.top_k < most_blocks && shape.options.top_k > 0;
    width = routes ? shape.options.top_k : 0;
    const int64_t most_centroids = std::min(tokens, tokens / block + shape.max_sequences);
    sequences = carver.Take<SequenceRecord>(shape.max_sequences);
    if (routes) centroids = carver.Take<char>(CentroidBytes(shape, most_centroids, tensor_cores));
    selected = carver.Take<int32_t>(shape.max_tokens_q * shape.num_heads * width);
    scores = carver.Take<float>(routes ? workers * most_blocks : 0);
    if (tensor_cores != TensorCores::kNone) {
      on_tensor_cores.emplace(tensor_cores, shape, plan.limits.longest_sum, plan.limits.pass_budget,
                              carver);
    }
    if (plan.full_attention != nullptr) by_cudnn.emplace(*plan.full_attention, carver);
  }

  // The selection as rows. In a batch all sequences have as many rows; packed ones are in batch 0.
  core::OutputRows Selected(int64_t num_heads, int64_t rows_per_sequence) const {
    return {.data = reinterpret_cast<char*>(selected),
            .element_size = sizeof(int32_t),
            .batch_stride = rows_per_sequence * num_heads * width,
            .token_stride = num_heads * width,
            .head_stride = width};
  }
};

core::InputRows ReadOnly(const core::OutputRows& rows) {
  return {rows.data,         rows.element_size, rows.batch_stride,
          rows.token_stride, rows.head_stride,  rows.channel_stride};
}

Status EnqueueRouting(const core::Problem& problem, const SequenceTable& sequences,
                      const SequenceTotals& totals, const Workspace& workspace,
                      const core::OutputRows& selected, int64_t width, const Queue& queue) {
  const RouteRows rows = {.dtype = problem.dtype,
                          .options = problem.options,
                          .q = problem.q,
                          .selected = selected,
                          .width = width,
                          .num_heads = problem.num_heads,
                          .num_kv_heads = problem.num_kv_heads,
                          .head_dim = problem.head_dim,
                          .sequences = sequences};
  if (CanRoute(queue.tensor_cores, problem.dtype, problem.head_dim, problem.options)) {
    const auto panels =
        CentroidPanels::In(workspace.centroids, problem.head_dim, totals.centroids, sequences.size);
    const Status status = LaunchTileCentroids(queue, {.dtype = problem.dtype,
                                                      .k = problem.k,
                                                      .head_dim = problem.head_dim,
                                                      .num_kv_heads = problem.num_kv_heads,
                                                      .sequences = sequences,
                                                      .num_centroids = totals.centroids,
                                                      .panels = panels});
    if (!status.ok()) return status;
    const Pass all = {0, totals.rows, 0, problem.num_kv_heads};
    return LaunchRouteTiles(queue, {rows, all, panels});
  }
  const Status status = LaunchCentroids(queue, {.dtype = problem.dtype,
                                                .k = problem.k,
                                                .head_dim = problem.head_dim,
                                                .num_kv_heads = problem.num_kv_heads,
                                                .sequences = sequences,
                                                .num_centroids = totals.centroids,
                                                .centroids = workspace.centroids});
  if (!status.ok()) return status;
  return LaunchRoute(queue, {rows, totals.rows, workspace.centroids, totals.centroids,
                             workspace.scores, workspace.most_blocks});
}

}  // namespace

Plan MakePlan(const core::PlanShape& shape) {
  const std::optional<cudnn::Shape> full = FullAttentionShape(shape);
  return {shape, full ? cudnn::BuildGraph(*full) : nullptr};
}

void DescribeKernels(const Plan& plan, TensorCores tensor_cores, char* text, size_t size) {
  const core::PlanShape& shape = plan.shape;
  std::string kernels;
  if (shape.block_size > 0 && shape.options.top_k > 0) {
    const bool routes = CanRoute(tensor_cores, shape.dtype, shape.head_dim, shape.options);
    kernels = routes ? "routing on tensor cores, " : "routing by portable kernels, ";
  }
  kernels += "attention ";
  if (const cudnn::Graph* graph = plan.full_attention.get()) {
    const cudnn::Shape& s = graph->shape();
    kernels += "by cuDNN where a run has " + std::to_string(s.batch) + " x " +
               std::to_string(s.q_len) + " queries and " + std::to_string(s.k_len) + " keys, else ";
  }
  const char* const portable = WhyNotFor(shape, plan.limits.longest_sum, tensor_cores);
  kernels +=
      portable == nullptr ? "on tensor cores" : std::string("by portable kernels, as ") + portable;
  const std::string why_not = WhyNotByCudnn(shape);
  if (!why_not.empty() && plan.full_attention == nullptr)
    kernels += "; not by cuDNN, as " + why_not;
  std::snprintf(text, size, "%s", kernels.c_str());
}

int64_t WorkspaceBytes(const Plan& plan, int64_t workers, TensorCores tensor_cores) {
  core::Carver carver(nullptr);
  const Workspace measured(plan, workers, tensor_cores, carver);
  return carver.used();
}

Status Run(const Plan& plan, const core::Problem& problem, const core::SequenceSource& source,
           void* workspace, const Queue& queue) {
  core::Carver carver(workspace);
  const Workspace memory(plan, queue.workers, queue.tensor_cores, carver);
  SequenceTotals totals;
  if (const Status status =
          StoreSequences(queue, plan.shape, problem.operation, source, problem.num_sequences,
                         plan.limits.longest_sum, memory.sequences, totals);
      !status.ok()) {
    return status;
  }
  if (totals.rows == 0) return Status::Ok();
  const SequenceTable sequences = {memory.sequences, problem.num_sequences};

  core::InputRows selected = problem.selected_in;
  int64_t width = problem.selected_width;
  if (problem.selected_out || totals.routes) {
    core::OutputRows target = problem.selected_out;
    if (!target) {
      target = memory.Selected(problem.num_heads, totals.rows / problem.num_sequences);
      width = memory.width;
    }
    if (const Status status =
            EnqueueRouting(problem, sequences, totals, memory, target, width, queue);
        !status.ok()) {
      return status;
    }
    selected = ReadOnly(target);
  }
  if (problem.operation == Operation::kRoute) return Status::Ok();
  const AttendArguments attend = {.dtype = problem.dtype,
                                  .causal = problem.options.causal,
                                  .score_scale = problem.options.score_scale,
                                  .q = problem.q,
                                  .k = problem.k,
                                  .v = problem.v,
                                  .o = problem.o,
                                  .lse = problem.lse,
                                  .selected = selected,
                                  .width = width,
                                  .num_heads = problem.num_heads,
                                  .num_kv_heads = problem.num_kv_heads,
                                  .head_dim = problem.head_dim,
                                  .head_dim_v = problem.head_dim_v,
                                  .sequences = sequences,
                                  .num_rows = totals.rows};
  const TensorExtent keys = {totals.batches, totals.key_tokens, problem.num_kv_heads,
                             problem.head_dim};
  if (memory.by_cudnn && memory.by_cudnn->Takes(totals, problem.num_sequences)) {
    return memory.by_cudnn->Attend(queue, attend);
  }
  if (memory.on_tensor_cores && memory.on_tensor_cores->Takes(attend, keys, totals)) {
    return memory.on_tensor_cores->Attend(queue, attend, keys, totals);
  }
  return LaunchAttend(queue, attend);
}

}  // namespace moba::cuda
