// Definitions of attend.h.
#pragma once

#include "cuda/ampere/attend-kernel.h"
#include "cuda/ampere/attend.h"

namespace moba::cuda::ampere {

template <class Work>
Status LaunchTiles(const Queue& queue, const TileAttendArguments& arguments) {
  const AttendKernel<Work> kernel = {.k = arguments.rows.k,
                                     .v = arguments.rows.v,
                                     .score_scale = arguments.rows.score_scale,
                                     .work = Work::Of(arguments)};
  return LaunchThreads(queue, kernel, queue.multiprocessors);
}

}  // namespace moba::cuda::ampere
