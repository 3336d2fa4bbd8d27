// Routing on tensor cores: which blocks a query attends to (specification, section 2).
#pragma once

#include "cuda/pass.h"
#include "cuda/route.h"
#include "cuda/tensor_cores/centroids.h"

namespace moba::cuda {

struct TileRouteArguments : RouteRows {
  Pass pass;
  CentroidPanels centroids;
};

// Otherwise the portable kernels have to do it.
bool CanRoute(TensorCores tensor_cores, core::DType dtype, int64_t head_dim,
              const core::Options& options);

// Writes the selections of the pass's queries and heads. CanRoute.
Status LaunchRouteTiles(const Queue& queue, const TileRouteArguments& arguments);

}  // namespace moba::cuda
