// Counts the runs inside an object and lets it be closed only when there are none.
#pragma once

#include <atomic>
#include <cstdint>

namespace moba::api {

class Gate {
 public:
  bool Enter() {
    int64_t inside = inside_.load(std::memory_order_relaxed);
    do {
      if (inside == kClosed) return false;
    } while (!inside_.compare_exchange_weak(inside, inside + 1, std::memory_order_acquire));
    return true;
  }

  void Leave() { inside_.fetch_sub(1, std::memory_order_release); }

  // False, with nothing changed, while something is inside.
  bool Close() {
    int64_t nobody = 0;
    return inside_.compare_exchange_strong(nobody, kClosed, std::memory_order_acq_rel);
  }

 private:
  static constexpr int64_t kClosed = -1;
  std::atomic<int64_t> inside_{0};
};

// Holds a gate open for the length of a scope, if it could be entered.
class GatePass {
 public:
  explicit GatePass(Gate& gate) : gate_(gate), entered_(gate.Enter()) {}
  ~GatePass() {
    if (entered_) gate_.Leave();
  }
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;

  explicit operator bool() const { return entered_; }

 private:
  Gate& gate_;
  const bool entered_;
};

}  // namespace moba::api
