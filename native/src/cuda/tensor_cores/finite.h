// Elements of 16 bits, and which of them are finite numbers.
#pragma once

#include "cuda/device/panel.h"
#include "cuda/element.h"
#include "cuda/tensor_cores/partial_memory.h"

namespace moba::cuda {

template <class Element>
inline constexpr uint32_t kExponentOnes = 0;
template <>
inline constexpr uint32_t kExponentOnes<F16> = 0x7c00;
template <>
inline constexpr uint32_t kExponentOnes<BF16> = 0x7f80;

// Bits 15 and 31 say that the lower and the upper half of the word are NaN or infinite.
template <class Element>
MOBA_THREAD uint32_t NonFinite(uint32_t word) {
  constexpr uint32_t kOnes = kExponentOnes<Element> * 0x10001;
  // The exponent's ones and its lowest bit carry into the sign.
  constexpr uint32_t kLowest = 0x80008000 - kOnes;
  return ((word & kOnes) + kLowest) & 0x80008000;
}

// With 0 for NaN and infinities.
template <class Element>
MOBA_THREAD Words WithoutNonFinite(Words words) {
#pragma unroll
  for (uint32_t& word : words.word) word &= ~((NonFinite<Element>(word) >> 15) * 0xffff);
  return words;
}

// By a warp: makes all others 0 in 32 rows of values, which lie in panels of kPanelBytes, from row
// `first` on. Returns which rows had such.
template <class Element, int kHeadDim, int kPanelBytes>
MOBA_THREAD uint32_t ClearNonFinite(char* values, int first) {
  const int row = first + ThreadIndex() % kWarpSize;
  const auto piece_at = [&](int piece) -> Words& {
    char* const panel = values + piece / 8 * kPanelBytes;
    return *reinterpret_cast<Words*>(panel + SwizzledOffset(row, piece % 8));
  };
  uint32_t found = 0;
#pragma unroll
  for (int piece = 0; piece < kHeadDim / 8; ++piece) {
    const Words words = piece_at(piece);
#pragma unroll
    for (const uint32_t pair : words.word) found |= NonFinite<Element>(pair);
  }
  for (int piece = 0; found != 0 && piece < kHeadDim / 8; ++piece) {
    StoreForAsync(WithoutNonFinite<Element>(piece_at(piece)), piece_at(piece));
  }
  return Ballot(found != 0);
}

}  // namespace moba::cuda
