// From accumulators to operands of tensor cores. 16 rows of an accumulator lie in a warp like this:
//   lane t has rows t / 4 and that + 8, columns 8 i + 2 (t % 4) and that + 1:
//   d[4 i], d[4 i + 1] of the first row, d[4 i + 2], d[4 i + 3] of the second.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "cuda/device/thread.h"
#include "cuda/element.h"

namespace moba::cuda {

// Two elements, rounded to nearest even, the first in the lower half.
MOBA_THREAD uint32_t PackPair(float first, float second, BF16) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
  return reinterpret_cast<const uint32_t&>(pair);
}
MOBA_THREAD uint32_t PackPair(float first, float second, F16) {
  const __half2 pair = __floats2half2_rn(first, second);
  return reinterpret_cast<const uint32_t&>(pair);
}

// Columns 16 `step` .. 16 `step` + 15 of a result as an A operand.
template <class Element, int kRegisters>
MOBA_THREAD void PackA(const float (&d)[kRegisters], int step, uint32_t (&a)[4]) {
#pragma unroll
  for (int i = 0; i < 4; ++i)
    a[i] = PackPair(d[8 * step + 2 * i], d[8 * step + 2 * i + 1], Element());
}

}  // namespace moba::cuda
