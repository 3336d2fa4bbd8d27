// Tensor cores as Ampere and all devices after it have them: a warp multiplies tiles of 16-bit
// elements into fp32 registers, which are ready when the next instruction wants them.
//
// Operands come from shared memory as 8 x 8 matrices, four at once: row i of matrix m is the 16
// bytes that lane 8 m + i points to. A 16 x 16 A operand is the matrices
//   rows 0-7, columns 0-7 | rows 8-15, columns 0-7 | rows 0-7, columns 8-15 | rows 8-15, columns
//   8-15
// and accumulators lie in a warp as pack.h says.
#pragma once

#include "cuda/device/thread.h"
#include "cuda/element.h"

namespace moba::cuda {

// How four matrices hold B, 16 x 16: the sum goes over its rows, k.
enum class Matrices {
  kColumns,  // rows are columns of B: n 0-7, k 0-7 | n 0-7, k 8-15 | n 8-15, k 0-7 | n 8-15, k 8-15
  kRows,     // rows are rows of B: k 0-7, n 0-7 | k 8-15, n 0-7 | k 0-7, n 8-15 | k 8-15, n 8-15
};

namespace warp_mma_detail {

template <Matrices kMatrices>
MOBA_THREAD void Load(uint32_t address, uint32_t (&matrices)[4]) {
  if constexpr (kMatrices == Matrices::kColumns) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
                 : "r"(address)
                 : "memory");
  }
}

#define MOBA_WARP_MMA(Element, type)                                                              \
  MOBA_THREAD void Multiply(Element, const uint32_t(&a)[4], uint32_t b0, uint32_t b1, float* d) { \
    asm("mma.sync.aligned.m16n8k16.row.col.f32." type "." type                                    \
        ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                    \
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                          \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                          \
  }
MOBA_WARP_MMA(F16, "f16")
MOBA_WARP_MMA(BF16, "bf16")
#undef MOBA_WARP_MMA

}  // namespace warp_mma_detail

// Loads an A operand; `row`: what the lane points to.
MOBA_THREAD void LoadA(const char* row, uint32_t (&a)[4]) {
  warp_mma_detail::Load<Matrices::kColumns>(static_cast<uint32_t>(__cvta_generic_to_shared(row)),
                                            a);
}

// d += A B, 16 columns at a time: for columns 16 i and on the lane points to shared + offset(i).
template <class Element, Matrices kMatrices, int kRegisters, class Offset>
MOBA_THREAD void MultiplyAdd(const uint32_t (&a)[4], const char* shared, const Offset& offset,
                             float (&d)[kRegisters]) {
  const auto base = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
#pragma unroll
  for (int i = 0; i < kRegisters / 8; ++i) {
    uint32_t b[4];
    warp_mma_detail::Load<kMatrices>(base + static_cast<uint32_t>(offset(i)), b);
    warp_mma_detail::Multiply(Element(), a, b[0], b[1], d + 8 * i);
    warp_mma_detail::Multiply(Element(), a, b[2], b[3], d + 8 * i + 4);
  }
}

}  // namespace moba::cuda
