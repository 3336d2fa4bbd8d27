// Sizes of attention's tiles by head dimension, and the shared memory they take: at most 99 KiB,
// which all devices have.
#pragma once

#include "cuda/device/panel.h"
#include "cuda/tensor_cores/item.h"

namespace moba::cuda::ampere {

// A warp has 16 queries.
inline constexpr int kAttendThreads = kTileQueries / 16 * kWarpSize;
inline constexpr int64_t kMostSharedBytes = 99 * 1024;

template <int kHeadDim>
struct AttendTile {
  static_assert(kHeadDim % 32 == 0 && kHeadDim <= 256);

  static constexpr int kPanels = (kHeadDim + kPanelChannels - 1) / kPanelChannels;
  // Of a piece, which is keys or values. Fewer where there are many channels: for shared memory,
  // and as a thread holds kHeadDim / 2 outputs, kHeadDim / 4 words of queries and kKeys / 2 scores.
  static constexpr int kKeys = kHeadDim <= 128 ? 64 : 32;
  // In a ring: keys, values, keys, ...
  static constexpr int kPieces = kHeadDim == 64 ? 8 : kHeadDim <= 192 ? 4 : 2;

  // A warp keeps its queries in registers where there are enough, and otherwise reads them for each
  // product.
  static constexpr bool kKeepsQueries = kHeadDim <= 128;

  static constexpr int kQueryPanelBytes = kTileQueries * kPanelRowBytes;
  static constexpr int kKeyPanelBytes = kKeys * kPanelRowBytes;
  static constexpr int kPieceBytes = kPanels * kKeyPanelBytes;
  static constexpr int kFlagWords = kKeys / kWarpSize;

  // queries [panel][row], pieces [piece][panel][row], [piece][bits of keys]
  static constexpr int kPiecesAt = kPanels * kQueryPanelBytes;
  static constexpr int kFlaggedAt = kPiecesAt + kPieces * kPieceBytes;
  static constexpr int64_t kSharedBytes = kFlaggedAt + kPieces * kFlagWords * 4;
  static_assert(kSharedBytes <= kMostSharedBytes);
};

}  // namespace moba::cuda::ampere
