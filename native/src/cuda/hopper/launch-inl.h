// Definitions of attend.h.
#pragma once

#include "cuda/hopper/attend-kernel.h"
#include "cuda/hopper/attend.h"

namespace moba::cuda::hopper {

template <class Work>
Status LaunchTiles(const Queue& queue, const TileAttendArguments& arguments) {
  constexpr int kKeys = AttendTile<Work::kHeadDim>::kKeys;
  AttendKernel<Work> kernel = {};
  kernel.score_scale = arguments.rows.score_scale;
  kernel.work = Work::Of(arguments);
  if (!MakeTensorMap(arguments.rows.k, arguments.keys, kKeys, kernel.k) ||
      !MakeTensorMap(arguments.rows.v, arguments.keys, kKeys, kernel.v)) {
    return {.code = Status::Code::kDeviceError,
            .name = "cuTensorMapEncodeTiled",
            .text = "the driver cannot describe the tensors to the copy engine"};
  }
  return LaunchThreads(queue, kernel, queue.multiprocessors);
}

}  // namespace moba::cuda::hopper
