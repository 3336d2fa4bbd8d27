// Emulation of native/src/cuda/device/barrier.h.
#pragma once

#include "cuda/device/thread.h"

namespace moba::cuda {

class Barrier {
 public:
  void Init(int arrivals) {
    pending_ = static_cast<int16_t>(arrivals);
    expected_and_phase_ = static_cast<int16_t>(2 * arrivals);
    bytes_ = 0;
  }
  void Arrive() {
    if (pending_ <= 0) emulator::Fail("more threads arrived at a barrier than it expects");
    --pending_;
    EndPhase();
  }
  void ArriveWhenCopied();  // copy.h
  void ArriveExpecting(uint32_t bytes) {
    bytes_ += static_cast<int32_t>(bytes);
    Arrive();
  }
  void Wait(uint32_t parity) {
    Machine().WaitUntil([&] { return (static_cast<uint32_t>(expected_and_phase_) & 1) != parity; });
  }

  void BytesCame(uint32_t bytes) {
    bytes_ -= static_cast<int32_t>(bytes);
    EndPhase();
  }

 private:
  void EndPhase() {
    if (pending_ != 0 || bytes_ != 0) return;
    expected_and_phase_ ^= 1;
    pending_ = static_cast<int16_t>(expected_and_phase_ / 2);
  }

  int32_t bytes_;
  int16_t pending_;
  int16_t expected_and_phase_;  // in its lowest bit
};
static_assert(sizeof(Barrier) == 8);

inline void FenceBarriers() {}
inline void FenceForAsync() { Machine().FenceOfThread(); }

}  // namespace moba::cuda
