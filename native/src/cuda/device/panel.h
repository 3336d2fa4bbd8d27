// Panels: how operands of tensor cores lie in shared memory. A panel has 64 channels of 16 bits, so
// a row of it has 128 bytes; its eight 16-byte pieces are in the order SwizzledOffset says, so that
// eight rows of the same piece lie in different banks. It begins at a multiple of 1024.
#pragma once

#include "cuda/device/thread.h"

namespace moba::cuda {

inline constexpr int kPanelChannels = 64;
inline constexpr int kPanelRowBytes = 128;

// Byte offset of 16-byte piece `piece` (0 .. 7) of a row of a panel.
MOBA_THREAD constexpr int SwizzledOffset(int row, int piece) {
  return row * kPanelRowBytes + ((piece ^ (row & 7)) << 4);
}

}  // namespace moba::cuda
