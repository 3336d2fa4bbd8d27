// Copies from global to shared memory by the copy engine of Hopper.
#pragma once

#include <cuda.h>

#include <cute/arch/copy_sm90_tma.hpp>

#include "core/problem.h"
#include "cuda/device/barrier.h"
#include "cuda/device/thread_copy.h"
#include "cuda/tensor_extent.h"

namespace moba::cuda {

// Describes rows [batch, token, head][channel] of 16-bit elements to the copy engine, which moves
// boxes of kBoxChannels channels by `box_tokens` tokens of one head. What lies beyond the tensor
// comes as zeros. A kernel parameter.
struct TensorMap {
  CUtensorMap map;
};
inline constexpr int kBoxChannels = 64;

// False where the copy engine cannot reach the tensor: addresses and strides that are no multiples
// of 16 bytes or too large. Host code.
bool MakeTensorMap(const core::InputRows& rows, const TensorExtent& extent, int box_tokens,
                   TensorMap& result);

// By one thread: copies a box to `target` (a panel: panel.h) and tells the
// barrier of its bytes.
MOBA_THREAD void CopyBox(const TensorMap& map, Barrier& barrier, void* target, int64_t channel,
                         int64_t token, int64_t head, int64_t batch) {
  constexpr uint64_t kEvictNormal = 0x1000000000000000;
  cute::SM90_TMA_LOAD_4D::copy(&map.map, barrier.state(), kEvictNormal, target,
                               static_cast<int32_t>(channel), static_cast<int32_t>(head),
                               static_cast<int32_t>(token), static_cast<int32_t>(batch));
}

// By one thread: copies contiguous bytes, a multiple of 16, and tells the barrier.
MOBA_THREAD void CopyBytes(const void* source, Barrier& barrier, void* target, uint32_t bytes) {
  cute::SM90_BULK_COPY_G2S::copy(source, barrier.state(), target, static_cast<int32_t>(bytes));
}

}  // namespace moba::cuda
