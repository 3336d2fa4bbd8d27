// One forward on a GPU: routing, attention or both, on plain SIMT kernels that take every option,
// every storage type and any head dimension up to 1024.
//
// Everything is enqueued on a stream; nothing is allocated and nothing is waited for.
#pragma once

#include <cstdint>
#include <memory>

#include "core/plan_shape.h"
#include "core/problem.h"
#include "core/sequence_source.h"
#include "cuda/attend.h"
#include "cuda/cudnn/graph.h"
#include "cuda/passes.h"
#include "cuda/queue.h"

namespace moba::cuda {

// What a run is cut by, into parts and passes. Tests have smaller ones.
struct Limits {
  int64_t longest_sum = kLongestSum;
  int64_t pass_budget = kPassBudget;
};

// What runs of one shape share.
struct Plan {
  core::PlanShape shape;
  std::unique_ptr<cudnn::Graph> full_attention = nullptr;  // none: by own kernels
  Limits limits = {};
};

// For the selected device.
Plan MakePlan(const core::PlanShape& shape);

// Bytes of device memory that any run of the plan needs, aligned to core::kWorkspaceAlignment.
// Linear in the tokens. `workers`, `tensor_cores`: see Queue.
int64_t WorkspaceBytes(const Plan& plan, int64_t workers, TensorCores tensor_cores);

// Which kernels serve the plan's largest runs, and why no faster ones.
void DescribeKernels(const Plan& plan, TensorCores tensor_cores, char* text, size_t size);

// Enqueues a validated run. All tensors and the workspace are memory of the queue's device;
// problem.sequences is not used, problem.num_sequences sequences come from `source`.
// After a failure what was enqueued before it still runs.
Status Run(const Plan& plan, const core::Problem& problem, const core::SequenceSource& source,
           void* workspace, const Queue& queue);

}  // namespace moba::cuda
