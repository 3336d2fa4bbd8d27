// Copies from global to shared memory that a thread starts and waits for.
#pragma once

#include "cuda/device/thread.h"

namespace moba::cuda {

// Copies 16 bytes for the calling thread. They are there after the thread's CopiesDone(), or after
// it waited for the group that they are committed to.
MOBA_THREAD void Copy16(const void* source, void* target) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(target));
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(address), "l"(source)
               : "memory");
}
// Of nothing: writes zeros. The source is not read, but has to be an address.
MOBA_THREAD void Copy16OrZero(const void* source, void* target, bool exists) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(target));
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(address), "l"(source),
               "r"(exists ? 16 : 0)
               : "memory");
}

// Makes a group of the thread's copies since the last one.
MOBA_THREAD void CommitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until at most the last kGroups groups are under way.
template <int kGroups>
MOBA_THREAD void WaitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
}
MOBA_THREAD void CopiesDone() { asm volatile("cp.async.wait_all;" ::: "memory"); }

}  // namespace moba::cuda
