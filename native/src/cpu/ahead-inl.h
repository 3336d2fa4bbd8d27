// What memory is asked for while tiles are multiplied, a share with each of them. Rows that were
// gathered lie anywhere, and a chunk of keys and values comes from beyond the second-level cache:
// the processor does not guess either, and who waits for them waits longer than a tile takes.
#if defined(MOBA_CPU_AHEAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_AHEAD_INL_H_
#undef MOBA_CPU_AHEAD_INL_H_
#else
#define MOBA_CPU_AHEAD_INL_H_
#endif

#include "cpu/convert-inl.h"

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

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
