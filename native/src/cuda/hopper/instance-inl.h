// Definitions of instance.h.
#pragma once

#include "cuda/hopper/contiguous.h"
#include "cuda/hopper/gathered.h"
#include "cuda/hopper/instance.h"

namespace moba::cuda::hopper {

template <class Kernel>
bool MapKeys(const TileAttendArguments& arguments, Kernel& kernel) {
  constexpr int kKeys = Kernel::Tile::kKeys;
  kernel.score_scale = arguments.rows.score_scale;
  return MakeTensorMap(arguments.rows.k, arguments.keys, kKeys, kernel.k) &&
         MakeTensorMap(arguments.rows.v, arguments.keys, kKeys, kernel.v);
}

inline Status NoTensorMap() {
  return {.code = Status::Code::kDeviceError,
          .name = "cuTensorMapEncodeTiled",
          .text = "the driver cannot describe the tensors to the copy engine"};
}

template <class Element, int kHeadDim>
Status AttendInstance<Element, kHeadDim>::Gathered(const Queue& queue,
                                                   const TileAttendArguments& arguments) {
  using Work = hopper::Gathered<Element, kHeadDim>;
  const AttendArguments& rows = arguments.rows;
  AttendKernel<Element, kHeadDim, Work> kernel = {};
  if (!MapKeys(arguments, kernel)) return NoTensorMap();
  kernel.work = {.q = rows.q,
                 .sequences = rows.sequences,
                 .pass = arguments.pass,
                 .group_size = rows.num_heads / rows.num_kv_heads,
                 .lists = arguments.lists,
                 .slots = arguments.slots,
                 .partials = arguments.partials};
  return LaunchThreads(queue, kernel, queue.multiprocessors);
}

template <class Element, int kHeadDim>
Status AttendInstance<Element, kHeadDim>::Contiguous(const Queue& queue,
                                                     const TileAttendArguments& arguments) {
  using Work = hopper::Contiguous<Element, kHeadDim>;
  const AttendArguments& rows = arguments.rows;
  const int64_t group_size = rows.num_heads / rows.num_kv_heads;
  AttendKernel<Element, kHeadDim, Work> kernel = {};
  if (!MapKeys(arguments, kernel)) return NoTensorMap();
  kernel.work = {
      .q = rows.q,
      .o = rows.o,
      .lse = rows.lse,
      .selected = rows.selected,
      .width = rows.width,
      .slots = arguments.slots,
      .causal = rows.causal,
      .tiles = {rows.sequences, arguments.pass, static_cast<int32_t>(kTileQueries / group_size)},
      .group_size = group_size,
      .num_rows = rows.num_rows,
      .partials = arguments.partials,
      .again = arguments.again,
      .num_again = arguments.num_again};
  return LaunchThreads(queue, kernel, queue.multiprocessors);
}

}  // namespace moba::cuda::hopper
