// Attention on tensor cores as all devices have them, as tensor_cores/attend.h says.
#pragma once

#include "cuda/tensor_cores/attend.h"

namespace moba::cuda::ampere {

// Work: Gathered or Contiguous, each compiled in a file of its own.
template <class Work>
Status LaunchTiles(const Queue& queue, const TileAttendArguments& arguments);

}  // namespace moba::cuda::ampere
