// Rows of queries, wherever they are, into panels.
#pragma once

#include "cuda/device/panel.h"
#include "cuda/device/thread_copy.h"

namespace moba::cuda {

// By a warp: kRows rows, which go to rows `first` and on of panels of kPanelBytes. A lane knows
// where row lane % kRows of them is.
template <int kRows, int kHeadDim, int kPanelBytes>
MOBA_THREAD void CopyQueries(const char* own, char* panels, int first) {
  constexpr int kPieces = kHeadDim / 8;  // of 16 bytes, of a row
#pragma unroll 2
  for (int i = ThreadIndex() % kWarpSize; i < kRows * kPieces; i += kWarpSize) {
    const char* const query = Shuffle(own, i / kPieces);
    const int piece = i % kPieces;
    Copy16(query + piece * 16,
           panels + piece / 8 * kPanelBytes + SwizzledOffset(first + i / kPieces, piece % 8));
  }
}

}  // namespace moba::cuda
