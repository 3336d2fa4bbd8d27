#include "cuda/tensor_cores/route.h"

#include "cuda/ampere/route.h"
#include "cuda/hopper/route.h"
#include "cuda/piece.h"

namespace moba::cuda {

bool CanRoute(TensorCores tensor_cores, core::DType dtype, int64_t head_dim,
              const core::Options& options) {
  constexpr int64_t kMostTopK = 64;
  if (tensor_cores == TensorCores::kNone || dtype == core::DType::kF32 ||
      head_dim % kPieceChannels != 0 || head_dim > 256 || options.top_k > kMostTopK) {
    return false;
  }
  return tensor_cores == TensorCores::kHopper ? hopper::FitsRoute(head_dim, options)
                                              : ampere::FitsRoute(head_dim, options);
}

Status LaunchRouteTiles(const Queue& queue, const TileRouteArguments& arguments) {
  return queue.tensor_cores == TensorCores::kHopper ? hopper::LaunchRoute(queue, arguments)
                                                    : ampere::LaunchRoute(queue, arguments);
}

}  // namespace moba::cuda
