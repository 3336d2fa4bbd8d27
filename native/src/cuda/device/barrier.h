// Barriers in shared memory (mbarrier): threads and asynchronous copies arrive, threads wait.
//
// A barrier has phases, numbered from 0. A phase ends when as many arrivals as Init says were made
// and as many bytes came as were announced. Wait(parity) returns when the phase of that parity has
// ended: with phases counted as 0, 1, 0, ... a fresh barrier has just ended one of parity 1.
#pragma once

#include <cutlass/arch/barrier.h>

#include "cuda/device/thread.h"

namespace moba::cuda {

class Barrier {
 public:
  // By one thread, before all others use it; then FenceBarriers() and SyncThreads().
  MOBA_THREAD void Init(int arrivals) {
    cutlass::arch::ClusterBarrier::init(&state_, static_cast<uint32_t>(arrivals));
  }
  MOBA_THREAD void Arrive() {
    KeepOrder();
    cutlass::arch::ClusterBarrier::arrive(&state_);
  }
  // Arrives when all Copy16 of this thread so far are done. They are not yet fenced
  // (FenceForAsync).
  MOBA_THREAD void ArriveWhenCopied() {
    KeepOrder();
    cutlass::arch::cpasync_barrier_arrive_noinc(&state_);
  }
  // Arrives, and announces bytes that copies to this barrier will bring.
  MOBA_THREAD void ArriveExpecting(uint32_t bytes) {
    KeepOrder();
    cutlass::arch::ClusterTransactionBarrier::arrive_and_expect_tx(&state_, bytes);
  }
  MOBA_THREAD void Wait(uint32_t parity) { cutlass::arch::ClusterBarrier::wait(&state_, parity); }

  MOBA_THREAD uint64_t* state() { return &state_; }

 private:
  uint64_t state_;
};

// Makes initialised barriers visible to asynchronous copies.
MOBA_THREAD void FenceBarriers() { cutlass::arch::fence_barrier_init(); }

// Makes what this thread wrote to shared memory, or knows to be copied there (by a barrier that it
// waited for), visible to tensor cores and the copy engine.
MOBA_THREAD void FenceForAsync() {
  KeepOrder();
  cutlass::arch::fence_view_async_shared();
  KeepOrder();
}

}  // namespace moba::cuda
