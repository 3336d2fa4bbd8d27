// Eight neighbouring elements of 16 bits: what a thread loads, and what shared memory swizzles.
#pragma once

#include "cuda/element.h"

namespace moba::cuda {

inline constexpr int kPieceChannels = 8;

struct alignas(16) Piece {
  uint32_t pairs[4];

  template <class Element>
  MOBA_DEVICE float Channel(int i) const {
    return Widen(Element{static_cast<uint16_t>(pairs[i / 2] >> (i % 2 * 16))});
  }
};

// One load where the address allows it.
MOBA_DEVICE Piece LoadPiece(const char* source) {
#ifdef __CUDACC__  // GCC 12 takes both ways for one, of which the address is aligned
  if (reinterpret_cast<uintptr_t>(source) % sizeof(Piece) == 0) {
    return *reinterpret_cast<const Piece*>(source);
  }
#endif
  Piece piece;
  const auto* const elements = reinterpret_cast<const uint16_t*>(source);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    piece.pairs[i] = elements[2 * i] | static_cast<uint32_t>(elements[2 * i + 1]) << 16;
  }
  return piece;
}

// One store likewise.
MOBA_DEVICE void StorePiece(const Piece& piece, char* target) {
#ifdef __CUDACC__
  if (reinterpret_cast<uintptr_t>(target) % sizeof(Piece) == 0) {
    *reinterpret_cast<Piece*>(target) = piece;
    return;
  }
#endif
  auto* const elements = reinterpret_cast<uint16_t*>(target);
#pragma unroll
  for (int i = 0; i < kPieceChannels; ++i) {
    elements[i] = static_cast<uint16_t>(piece.pairs[i / 2] >> (i % 2 * 16));
  }
}

}  // namespace moba::cuda
