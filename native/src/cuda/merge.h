// Merge of two partial results: attention over a union of disjoint key sets.
#pragma once

#include "core/merge_problem.h"
#include "cuda/queue.h"

namespace moba::cuda {

Status LaunchMerge(const Queue& queue, const core::MergeProblem& problem);

}  // namespace moba::cuda
