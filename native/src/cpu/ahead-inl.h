// What memory is asked for while tiles are multiplied, a share with each of them. Rows that were
// gathered lie anywhere, and a chunk of keys and values comes from beyond the second-level cache:
// the processor does not guess either, and who waits for them waits longer than a tile takes.
#if defined(MOBA_CPU_AHEAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_AHEAD_INL_H_
#undef MOBA_CPU_AHEAD_INL_H_
#else
#define MOBA_CPU_AHEAD_INL_H_
#endif

#include <algorithm>

#include "cpu/convert-inl.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Rows that are wanted later.
struct Wanted {
  const char* data;
  int64_t stride_bytes;
  int64_t bytes;        // of a row
  const int32_t* rows;  // which; nullptr: the first ones
  int64_t count;

  HWY_INLINE void Ask(int64_t i) const {
    PrefetchSpan(data + (rows == nullptr ? i : rows[i]) * stride_bytes, bytes);
  }
};

class Ahead {
 public:
  // `times` > 0: how often Ask will be called, at least.
  template <int kCount>
  HWY_INLINE Ahead(const Wanted (&wanted)[kCount], int64_t times)
      : wanted_(wanted), end_(wanted + kCount), times_(times) {
    for (const Wanted& w : wanted) total_ += w.count;
  }

  HWY_INLINE void Ask() {
    for (due_ += total_; due_ >= times_; due_ -= times_) {
      while (wanted_ < end_ && next_ == wanted_->count) {
        ++wanted_;
        next_ = 0;
      }
      if (wanted_ < end_) wanted_->Ask(next_++);
    }
  }

 private:
  const Wanted* wanted_;
  const Wanted* end_;
  int64_t times_;
  int64_t total_ = 0;
  int64_t due_ = 0;
  int64_t next_ = 0;
};

// How many rows are gone through at once while as many are asked for: near, and in the order in
// which they lie, as the processor's own prefetching goes on from there.
inline int64_t RowsAhead(int64_t row_bytes) {
  constexpr int64_t kBytes = 16 * 1024;
  return std::clamp<int64_t>(kBytes / row_bytes / 4 * 4, 4, 32);
}

// Rows of some heads side by side that are asked for line by line, in the order in which they lie.
class Following {
 public:
  Following(const SourceRows& rows, int64_t num_heads)
      : row_(rows.data),
        row_bytes_(num_heads * rows.channels * core::SizeOf(rows.dtype)),
        stride_bytes_(rows.stride_bytes),
        rest_(rows.num_rows) {}

  static constexpr int64_t kLine = 64;

  // As many bytes more, or the last row again.
  template <int64_t kBytes>
  HWY_INLINE void Ask() {
    if constexpr (kBytes < kLine) {
      if (asked_ % kLine < kBytes) __builtin_prefetch(row_ + asked_, 0, 2);
    } else {
      MOBA_UNROLL for (int64_t i = 0; i < kBytes; i += kLine) {
        __builtin_prefetch(row_ + asked_ + i, 0, 2);
      }
    }
    for (asked_ += kBytes; asked_ >= row_bytes_; asked_ -= row_bytes_) {
      if (--rest_ > 0) row_ += stride_bytes_;
    }
  }

 private:
  const char* row_;
  int64_t row_bytes_;
  int64_t stride_bytes_;
  int64_t rest_;
  int64_t asked_ = 0;  // of this row
};

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
