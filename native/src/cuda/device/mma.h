// Tensor cores of Hopper: a warpgroup multiplies tiles of 16-bit elements into fp32 registers.
//
// Operands in shared memory are panels (panel.h): this is what CopyBox writes and what the
// descriptors below mean (SWIZZLE_128B). The 64 x N result of Mma<Element, N> lies in the registers
// of four warps, 16 rows in each (pack.h), and so does an A operand.
#pragma once

#include <cute/arch/mma_sm90_gmma.hpp>
#include <cutlass/bfloat16.h>
#include <cutlass/half.h>
#include <utility>

#include "cuda/device/pack.h"
#include "cuda/device/panel.h"

namespace moba::cuda {

// Rows by channels, of which channels are summed over: starts at one of a panel's 16-channel steps.
MOBA_THREAD uint64_t SumOverChannels(const void* panel, int step) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(panel)) + step * 32;
  return (uint64_t{1} << 62) | (uint64_t{1024 >> 4} << 32) | (uint64_t{1} << 16) |
         ((address & 0x3ffff) >> 4);
}
// Rows by channels, of which rows are summed over, 16 at a time from row 16 `step` on. N > 64 goes
// on in the next panels, `panel_bytes` apart.
MOBA_THREAD uint64_t SumOverRows(const void* panel, int step, int panel_bytes) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(panel)) + step * 2048;
  return (uint64_t{1} << 62) | (uint64_t{1024 >> 4} << 32) |
         (static_cast<uint64_t>(panel_bytes >> 4) << 16) | ((address & 0x3ffff) >> 4);
}

namespace mma_detail {

using cute::SM90::GMMA::Major;

template <class Element, int N>
struct Instruction;

#define MOBA_MMA(n)                                                                   \
  template <>                                                                         \
  struct Instruction<BF16, n> {                                                       \
    using SS = cute::SM90::GMMA::MMA_64x##n##x16_F32BF16BF16_SS<Major::K, Major::K>;  \
    using RS = cute::SM90::GMMA::MMA_64x##n##x16_F32BF16BF16_RS<Major::K, Major::MN>; \
  };                                                                                  \
  template <>                                                                         \
  struct Instruction<F16, n> {                                                        \
    using SS = cute::SM90::GMMA::MMA_64x##n##x16_F32F16F16_SS<Major::K, Major::K>;    \
    using RS = cute::SM90::GMMA::MMA_64x##n##x16_F32F16F16_RS<Major::K, Major::MN>;   \
  };
MOBA_MMA(64)
MOBA_MMA(96)
MOBA_MMA(128)
MOBA_MMA(192)
MOBA_MMA(256)
#undef MOBA_MMA

}  // namespace mma_detail

// Products are enqueued: between Begin() and Commit() comes a batch of them, and their operands
// and results are not touched before Wait<n>(), which leaves at most n batches under way.
template <class Element, int N>
struct Mma {
  static constexpr int kRegisters = N / 2;
  using Result = float[kRegisters];
  using Instruction = mma_detail::Instruction<Element, N>;

  // d (+)= A B^T, both of kind SumOverChannels.
  MOBA_THREAD static void SharedShared(uint64_t a, uint64_t b, Result& d, bool accumulate) {
    Call(d,
         [&](auto&... registers) { Instruction::SS::fma(a, b, registers..., Scale(accumulate)); });
  }
  // d (+)= A B, A in registers, B of kind SumOverRows.
  MOBA_THREAD static void RegistersShared(const uint32_t (&a)[4], uint64_t b, Result& d,
                                          bool accumulate) {
    Call(d, [&](auto&... registers) {
      Instruction::RS::fma(a[0], a[1], a[2], a[3], b, registers..., Scale(accumulate));
    });
  }

  // Keeps the compiler from moving uses of the result over Begin and Wait.
  MOBA_THREAD static void Fence(Result& d) {
#pragma unroll
    for (float& value : d) cute::warpgroup_fence_operand(value);
  }

 private:
  MOBA_THREAD static cute::SM90::GMMA::ScaleOut Scale(bool accumulate) {
    using cute::SM90::GMMA::ScaleOut;
    return accumulate ? ScaleOut::One : ScaleOut::Zero;
  }

  template <class Body>
  MOBA_THREAD static void Call(Result& d, const Body& body) {
    [&]<size_t... i>(std::index_sequence<i...>) { body(d[i]...); }
    (std::make_index_sequence<kRegisters>());
  }
};

MOBA_THREAD void MmaBegin() { cute::warpgroup_arrive(); }
MOBA_THREAD void MmaCommit() { cute::warpgroup_commit_batch(); }
template <int kBatches>
MOBA_THREAD void MmaWait() {
  cute::warpgroup_wait<kBatches>();
}

}  // namespace moba::cuda
