// Routing on Hopper's tensor cores: which blocks a query attends to (specification, section 2).
#pragma once

#include "core/problem.h"
#include "cuda/hopper/centroids.h"
#include "cuda/pass.h"

namespace moba::cuda::hopper {

struct RouteArguments {
  core::DType dtype;
  core::Options options;
  core::InputRows q;
  core::OutputRows selected;  // [.., token, head][width], int32
  int64_t width;
  int64_t num_heads;
  int64_t num_kv_heads;
  int64_t head_dim;
  SequenceTable sequences;
  Pass pass;
  CentroidPanels centroids;
};

// Otherwise the portable kernels have to do it.
bool CanRoute(core::DType dtype, int64_t head_dim, int64_t top_k);

// Writes the selections of the pass's queries and heads. CanRoute.
Status LaunchRoute(const Queue& queue, const RouteArguments& arguments);

}  // namespace moba::cuda::hopper
