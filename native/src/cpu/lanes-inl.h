// Sums and maxima over the lanes of four vectors at once.
#if defined(MOBA_CPU_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_LANES_INL_H_
#undef MOBA_CPU_LANES_INL_H_
#else
#define MOBA_CPU_LANES_INL_H_
#endif

#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

using F32x4 = HWY_CAPPED(float, 4);
inline constexpr F32x4 kF32x4{};

struct Plus {
  template <class Vec>
  HWY_INLINE Vec operator()(Vec a, Vec b) const {
    return hn::Add(a, b);
  }
};

struct Larger {
  template <class Vec>
  HWY_INLINE Vec operator()(Vec a, Vec b) const {
    return hn::Max(a, b);
  }
};

// The 128-bit blocks of a vector.
template <class Op, class D>
HWY_INLINE hn::Vec<F32x4> FoldBlocks(Op op, D /*d*/, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return FoldBlocks(op, half, op(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// The lanes of each of four vectors, results side by side.
template <class Op>
HWY_INLINE hn::Vec<F32x4> FoldFour(Op op, V a, V b, V c, V d) {
  const hn::RepartitionToWide<F32> wide;
  const V ab = op(hn::InterleaveLower(kF32, a, b), hn::InterleaveUpper(kF32, a, b));
  const V cd = op(hn::InterleaveLower(kF32, c, d), hn::InterleaveUpper(kF32, c, d));
  const auto lower = hn::InterleaveLower(wide, hn::BitCast(wide, ab), hn::BitCast(wide, cd));
  const auto upper = hn::InterleaveUpper(wide, hn::BitCast(wide, ab), hn::BitCast(wide, cd));
  return FoldBlocks(op, kF32, op(hn::BitCast(kF32, lower), hn::BitCast(kF32, upper)));
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
