// Routing on Hopper's tensor cores: which blocks a query attends to (specification, section 2).
#pragma once

#include "cuda/hopper/centroids.h"
#include "cuda/pass.h"
#include "cuda/route.h"

namespace moba::cuda::hopper {

struct RouteArguments : RouteRows {
  Pass pass;
  CentroidPanels centroids;
};

// Otherwise the portable kernels have to do it.
bool CanRoute(core::DType dtype, int64_t head_dim, int64_t top_k);

// Writes the selections of the pass's queries and heads. CanRoute.
Status LaunchRoute(const Queue& queue, const RouteArguments& arguments);

}  // namespace moba::cuda::hopper
