// Routing on Hopper's tensor cores, as tensor_cores/route.h says.
#pragma once

#include "cuda/tensor_cores/route.h"

namespace moba::cuda::hopper {

// Whether there is room for so many channels and places.
bool FitsRoute(int64_t head_dim, const core::Options& options);

Status LaunchRoute(const Queue& queue, const TileRouteArguments& arguments);

}  // namespace moba::cuda::hopper
