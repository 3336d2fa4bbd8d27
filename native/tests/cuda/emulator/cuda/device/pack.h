// Emulation of native/src/cuda/device/pack.h.
#pragma once

#include "cuda/device/thread.h"
#include "cuda/element.h"

namespace moba::cuda {

inline uint32_t PackPair(float first, float second, BF16) {
  return core::BF16FromFloat(first) | static_cast<uint32_t>(core::BF16FromFloat(second)) << 16;
}
inline uint32_t PackPair(float first, float second, F16) {
  return core::F16FromFloat(first) | static_cast<uint32_t>(core::F16FromFloat(second)) << 16;
}

template <class Element, int kRegisters>
void PackA(const float (&d)[kRegisters], int step, uint32_t (&a)[4]) {
  for (int i = 0; i < 4; ++i)
    a[i] = PackPair(d[8 * step + 2 * i], d[8 * step + 2 * i + 1], Element());
}

}  // namespace moba::cuda
