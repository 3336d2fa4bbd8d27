// Sizes of attention's tiles by head dimension, and the shared memory they take.
#pragma once

#include <cstdint>

#include "cuda/device/barrier.h"
#include "cuda/device/mma.h"
#include "cuda/tensor_cores/item.h"

namespace moba::cuda::hopper {

// A thread block: one warpgroup that loads, two that compute with 64 queries each.
inline constexpr int kConsumers = 2;
static_assert(kTileQueries == 64 * kConsumers);
inline constexpr int kAttendThreads = (1 + kConsumers) * kWarpgroupSize;
inline constexpr int kConsumerWarps = kConsumers * kWarpgroupSize / kWarpSize;
inline constexpr int kQueryLoaders = kWarpgroupSize - kWarpSize;  // the other warp loads keys

// Registers of a thread of the loading and of the computing warpgroups. A block of 384 threads has
// 168 for each, which the warpgroups share out anew; more would wait for ever.
inline constexpr int kLoaderRegisters = 56;
inline constexpr int kConsumerRegisters = 224;
static_assert(kLoaderRegisters + kConsumers * kConsumerRegisters <= 168 * (1 + kConsumers));

template <int kHeadDim>
struct AttendTile {
  static_assert(kHeadDim % 32 == 0 && kHeadDim <= 256);

  static constexpr int kPanels = (kHeadDim + kPanelChannels - 1) / kPanelChannels;
  // 64 x 128 scores and 64 x 128 outputs are 64 registers each; with more channels the outputs
  // leave room for half as many scores.
  static constexpr int kKeys = kHeadDim <= 128 ? 128 : 64;
  // Queries of the next tiles are loaded while one is computed, if they fit beside two stages.
  static constexpr int kQueryBuffers = kHeadDim <= 128 ? 3 : 1;
  static constexpr int kStages = kHeadDim == 64 ? 5 : kHeadDim == 192 ? 3 : 2;

  // Whole panels of outputs: what tensor cores make of a part of one is not documented.
  static constexpr int kOutputChannels = kPanels * kPanelChannels;
  static constexpr int kOutputs = kOutputChannels / 2;  // registers

  static constexpr int kQueryPanelBytes = 64 * kPanelRowBytes;
  static constexpr int kQueryBytes = kTileQueries * kPanels * kPanelRowBytes;
  static constexpr int kKeyPanelBytes = kKeys * kPanelRowBytes;
  static constexpr int kKeyBytes = kPanels * kKeyPanelBytes;

  // [query buffer][consumer][panel][row] [stage][keys: panel, row; values: panel, row] barriers
  // [stage][bits of keys]
  static constexpr int kStagesAt = kQueryBuffers * kQueryBytes;
  static constexpr int kBarriersAt = kStagesAt + kStages * 2 * kKeyBytes;
  static constexpr int kFlaggedAt =
      kBarriersAt + (2 * kQueryBuffers + 4 * kStages) * int{sizeof(Barrier)};
  static constexpr int kFlagWords = kKeys / kWarpSize;
  static constexpr int64_t kSharedBytes = kFlaggedAt + kStages * kFlagWords * 4;
  static_assert(kSharedBytes <= 227 * 1024);
};

// Goes round the buffers of a pipeline: which one is next, and the parity of its phase. One
// register.
template <int kSize>
class Ring {
 public:
  MOBA_THREAD int place() const { return static_cast<int>(state_ % kParity); }
  MOBA_THREAD uint32_t parity() const { return state_ / kParity; }

  MOBA_THREAD void Advance() {
    ++state_;
    if (place() == kSize) state_ = (state_ - kSize) ^ kParity;
  }

 private:
  static constexpr uint32_t kParity = 256;

  uint32_t state_ = 0;
};

}  // namespace moba::cuda::hopper
