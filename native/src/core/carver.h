// Cuts typed, 64-byte aligned pieces out of one workspace. Run with a null base it only adds up the
// size, so a layout is written once and serves for both measuring and placing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace moba::core {

inline constexpr int64_t kWorkspaceAlignment = 64;

class Carver {
 public:
  explicit Carver(void* base) : base_(static_cast<char*>(base)) {}

  template <typename T>
  T* Take(int64_t count) {
    const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
    char* piece = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
    return reinterpret_cast<T*>(piece);
  }

  int64_t used() const { return used_; }

 private:
  char* base_;
  int64_t used_ = 0;
};

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }
// The largest of as few even shares of a as none is more than `most`.
constexpr int64_t EvenShare(int64_t a, int64_t most) { return CeilDiv(a, CeilDiv(a, most)); }

}  // namespace moba::core
