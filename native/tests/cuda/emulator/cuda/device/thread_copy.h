// Emulation of native/src/cuda/device/thread_copy.h.
#pragma once

#include "cuda/device/thread.h"

namespace moba::cuda {

inline void Copy16OrZero(const void* source, void* target, bool exists) {
  if (Machine().AddressOf(target) % 16 != 0 || reinterpret_cast<uintptr_t>(source) % 16 != 0) {
    emulator::Fail("a copy of 16 bytes that is not aligned");
  }
  const auto copy = [=, thread = ThreadIndex()] {
    exists ? std::memcpy(target, source, 16) : std::memset(target, 0, 16);
    Machine().WrittenBy(thread, target, 16);
  };
  if (emulated_order == ThreadOrder::kAscending) {
    copy();
  } else {
    Machine().OwnCopies().back().push_back(copy);
  }
}
inline void Copy16(const void* source, void* target) { Copy16OrZero(source, target, true); }

inline void CommitCopies() { Machine().OwnCopies().emplace_back(); }
template <int kGroups>
void WaitForCopies() {
  auto& groups = Machine().OwnCopies();  // and what is not yet committed
  while (groups.size() > kGroups + 1) {
    for (const auto& copy : groups.front()) copy();
    groups.erase(groups.begin());
  }
}
inline void CopiesDone() {
  CommitCopies();
  WaitForCopies<0>();
}

}  // namespace moba::cuda
