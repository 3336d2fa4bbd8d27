// Emulation of native/src/cuda/device/copy.h.
#pragma once

#include "core/problem.h"
#include "cuda/device/barrier.h"
#include "cuda/device/thread_copy.h"
#include "cuda/tensor_extent.h"

namespace moba::cuda {

inline constexpr int kBoxChannels = 64;

struct TensorMap {
  core::InputRows rows;
  TensorExtent extent;
  int64_t box_tokens;
};

inline bool MakeTensorMap(const core::InputRows& rows, const TensorExtent& extent, int box_tokens,
                          TensorMap& result) {
  const auto aligned = [](int64_t bytes) { return bytes > 0 && bytes % 16 == 0; };
  if (reinterpret_cast<uintptr_t>(rows.data) % 16 != 0 ||
      (extent.tokens > 1 && !aligned(rows.token_stride * 2)) ||
      (extent.heads > 1 && !aligned(rows.head_stride * 2)) ||
      (extent.batches > 1 && !aligned(rows.batch_stride * 2))) {
    return false;
  }
  result = {rows, extent, box_tokens};
  return true;
}

inline void CopyBox(const TensorMap& map, Barrier& barrier, void* target, int64_t channel,
                    int64_t token, int64_t head, int64_t batch) {
  if (Machine().AddressOf(target) % 1024 != 0) emulator::Fail("a box at no multiple of 1024");
  auto* const bytes = static_cast<char*>(target);
  Machine().Later([=, &barrier] {
    for (int64_t row = 0; row < map.box_tokens; ++row) {
      for (int64_t i = 0; i < kBoxChannels; ++i) {
        uint16_t element = 0;
        if (token + row < map.extent.tokens && channel + i < map.extent.channels) {
          std::memcpy(&element, map.rows.Row(batch, token + row, head) + 2 * (channel + i), 2);
        }
        const int64_t piece = (i / 8) ^ (row & 7);
        std::memcpy(bytes + row * 128 + piece * 16 + i % 8 * 2, &element, 2);
      }
    }
    barrier.BytesCame(static_cast<uint32_t>(map.box_tokens * 128));
  });
}

inline void CopyBytes(const void* source, Barrier& barrier, void* target, uint32_t bytes) {
  if (bytes % 16 != 0 || Machine().AddressOf(target) % 16 != 0 ||
      reinterpret_cast<uintptr_t>(source) % 16 != 0) {
    emulator::Fail("a copy that is not aligned to 16 bytes");
  }
  Machine().Later([=, &barrier] {
    std::memcpy(target, source, bytes);
    barrier.BytesCame(bytes);
  });
}

inline void Barrier::ArriveWhenCopied() {
  auto& groups = Machine().OwnCopies();
  Machine().Later([this, thread = ThreadIndex(), own = std::exchange(groups, {{}})] {
    for (const auto& group : own) {
      for (const auto& copy : group) copy();
    }
    Machine().Announce(thread);
    Arrive();
  });
}

}  // namespace moba::cuda
