// Where partial results lie (partial.h).
#pragma once

#include "core/carver.h"
#include "core/dtype.h"

namespace moba::cuda {

// What a thread moves at once.
struct alignas(16) Words {
  uint32_t word[4];
};

struct PartialMemory {
  Words* values;
  uint32_t* exponents;
  float* log2_sums;
};

// Bytes of a partial result, in each of the arrays.
constexpr int64_t PartialValueBytes(core::DType dtype, int64_t head_dim) {
  return (dtype == core::DType::kF16 ? 4 : 2) * head_dim;
}
constexpr int64_t PartialExponentBytes(core::DType dtype, int64_t head_dim) {
  return dtype == core::DType::kF16 ? 0 : 16 * core::CeilDiv(head_dim, 128);
}

}  // namespace moba::cuda
