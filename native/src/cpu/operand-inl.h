// What the register tile multiplies: words of 32 bits, each a float or a pair of bf16. Two
// neighbouring channels of a query meet those of a key, two neighbouring keys' probabilities,
// rounded to bf16 (specification, section 1), their values. So the layouts of kernels.h hold for
// both, with half as many words.
#if defined(MOBA_CPU_OPERAND_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_OPERAND_INL_H_
#undef MOBA_CPU_OPERAND_INL_H_
#else
#define MOBA_CPU_OPERAND_INL_H_
#endif

#include <cstring>

#include "core/carver.h"
#include "cpu/convert-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

struct Floats {
  static constexpr int64_t kPerWord = 1;

  static HWY_INLINE V MulAdd(V a, V b, V sum) { return hn::MulAdd(a, b, sum); }

  // The row, readable up to a multiple of `multiple` words: where it lies, or in `scratch`.
  static HWY_INLINE const float* Row(DType dtype, const char* source, int64_t channels,
                                     int64_t multiple, float* scratch) {
    return FloatRow(dtype, source, channels, multiple, scratch);
  }

  // Words of the channels from `channel` on of as many rows; `check` becomes NaN where one of them
  // is not finite.
  static HWY_INLINE V Join(const float* const* rows, int64_t channel, V& check) {
    const V value = hn::LoadU(kF32, rows[0] + channel);
    check = hn::MulAdd(value, hn::Zero(kF32), check);
    return value;
  }

  // A vector of means, rounded to the type, as elements of a row from `first` on.
  template <DType kType>
  static HWY_INLINE void StoreMeans(V means, int64_t first, float* row) {
    hn::Store(RoundedTo<kType>(means), kF32, row + first);
  }

  // Two vectors of a row of probabilities, from `first` on, in place.
  static HWY_INLINE void StoreProbabilities(V lower, V upper, int64_t first, float* row) {
    hn::Store(lower, kF32, row + first);
    hn::Store(upper, kF32, row + first + kLanes);
  }
};

#if HWY_TARGET == HWY_AVX3
// Subnormal operands and results count as zero: the instruction knows no other way.
struct Bf16Pairs {
  static constexpr int64_t kPerWord = 2;

  static HWY_INLINE V MulAdd(V a, V b, V sum) {
    return V{_mm512_dpbf16_ps(sum.raw, (__m512bh)a.raw, (__m512bh)b.raw)};
  }

  static HWY_INLINE const float* Row(DType /*bf16*/, const char* source, int64_t channels,
                                     int64_t multiple, float* scratch) {
    const int64_t padded = core::RoundUp(channels, multiple * kPerWord);
    if (channels == padded && reinterpret_cast<uintptr_t>(source) % sizeof(float) == 0) {
      return reinterpret_cast<const float*>(source);
    }
    auto* halves = reinterpret_cast<char*>(scratch);
    std::memcpy(halves, source, static_cast<size_t>(channels) * 2);
    std::memset(halves + channels * 2, 0, static_cast<size_t>(padded - channels) * 2);
    return scratch;
  }

  static HWY_INLINE V Join(const float* const* rows, int64_t channel, V& check) {
    const V even = Floats::Join(rows, channel, check);
    const V odd = Floats::Join(rows + 1, channel, check);
    const hn::RebindToUnsigned<F32> whole;
    const auto lower = hn::ShiftRight<16>(hn::BitCast(whole, even));
    return hn::BitCast(kF32, hn::Or(hn::BitCast(whole, odd), lower));
  }

  template <DType kType>
  static HWY_INLINE void StoreMeans(V means, int64_t first, float* row) {
    StoreBF16(means, reinterpret_cast<uint16_t*>(row) + first);
  }

  static HWY_INLINE void StoreProbabilities(V lower, V upper, int64_t first, float* row) {
    const __m512bh pairs = _mm512_cvtne2ps_pbh(upper.raw, lower.raw);
    _mm512_store_ps(row + first / kPerWord, (__m512)pairs);
  }
};
#endif

// Words that hold so many elements.
template <class Operand>
HWY_INLINE int64_t Words(int64_t elements) {
  return core::CeilDiv(elements, Operand::kPerWord);
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
