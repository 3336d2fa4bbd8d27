// The kernels of one element type and head dimension, each pair compiled in a file of its own.
#pragma once

#include "cuda/hopper/attend.h"

namespace moba::cuda::hopper {

template <class Element, int kHeadDim>
struct AttendInstance {
  static Status Gathered(const Queue& queue, const TileAttendArguments& arguments);
  static Status Contiguous(const Queue& queue, const TileAttendArguments& arguments);
};

}  // namespace moba::cuda::hopper
