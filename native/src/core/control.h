// Progress counter and cancel flag of a run, both owned by the caller and seen by other threads.
#pragma once

#include <atomic>
#include <cstdint>

namespace moba::core {

class Control {
 public:
  Control(int64_t* progress, const int32_t* cancel) : progress_(progress), cancel_(cancel) {}

  void Begin(int64_t total_units) const {
    if (progress_ == nullptr) return;
    std::atomic_ref<int64_t>(progress_[0]).store(0, std::memory_order_relaxed);
    std::atomic_ref<int64_t>(progress_[1]).store(total_units, std::memory_order_relaxed);
  }

  void Advance(int64_t units) const {
    if (progress_ == nullptr) return;
    std::atomic_ref<int64_t>(progress_[0]).fetch_add(units, std::memory_order_relaxed);
  }

  // Once true it stays true, even if the caller takes the flag back: work has been left out.
  bool Cancelled() const {
    if (cancel_ == nullptr) return false;
    if (__atomic_load_n(cancel_, __ATOMIC_RELAXED) != 0) {
      seen_.store(true, std::memory_order_relaxed);
    }
    return seen_.load(std::memory_order_relaxed);
  }

 private:
  int64_t* progress_;
  const int32_t* cancel_;
  mutable std::atomic<bool> seen_{false};
};

}  // namespace moba::core
