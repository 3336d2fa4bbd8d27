// 16 bytes of 16-bit elements, and which of them are numbers.
#pragma once

#include "cuda/device/mma.h"
#include "cuda/hopper/partial_memory.h"

namespace moba::cuda::hopper {

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

}  // namespace moba::cuda::hopper
