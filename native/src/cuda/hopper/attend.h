// Attention on Hopper's tensor cores, as tensor_cores/attend.h says.
#pragma once

#include "cuda/tensor_cores/attend.h"

namespace moba::cuda::hopper {

// Whether the copy engine reaches k and v.
bool Reaches(const AttendArguments& arguments, const TensorExtent& keys);

// Work: Gathered or Contiguous, each compiled in a file of its own.
template <class Work>
Status LaunchTiles(const Queue& queue, const TileAttendArguments& arguments);

}  // namespace moba::cuda::hopper
