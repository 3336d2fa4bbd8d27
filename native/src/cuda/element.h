// Storage types as kernels see them: 16-bit ones are types of their own, so that kernels are
// templates over the element.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "cuda/block.h"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#endif

namespace moba::cuda {

struct F16 {
  uint16_t bits;
};
struct BF16 {
  uint16_t bits;
};

MOBA_DEVICE float Widen(float value) { return value; }
MOBA_DEVICE float Widen(BF16 value) { return core::FloatFromBF16(value.bits); }
MOBA_DEVICE float Widen(F16 value) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(value.bits));  // one instruction
#else
  return core::FloatFromF16(value.bits);
#endif
}

MOBA_DEVICE void Narrow(float value, float& result) { result = value; }
MOBA_DEVICE void Narrow(float value, BF16& result) { result.bits = core::BF16FromFloat(value); }
MOBA_DEVICE void Narrow(float value, F16& result) { result.bits = core::F16FromFloat(value); }

// Calls body(float()), body(F16()) or body(BF16()).
template <class Body>
auto WithElement(core::DType dtype, const Body& body) {
  switch (dtype) {
    case core::DType::kF16:
      return body(F16());
    case core::DType::kBF16:
      return body(BF16());
    case core::DType::kF32:
      break;
  }
  return body(float());
}

}  // namespace moba::cuda
