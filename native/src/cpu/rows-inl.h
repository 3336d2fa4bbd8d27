// What happens to single rows at the end: division by the softmax sum, and the merge of two partial
// results.
#if defined(MOBA_CPU_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_ROWS_INL_H_
#undef MOBA_CPU_ROWS_INL_H_
#else
#define MOBA_CPU_ROWS_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/convert-inl.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// sum + error; the error term of an infinite sum is NaN and does not count.
HWY_INLINE V Compensated(V sum, V error) {
  return hn::IfThenElse(hn::Eq(error, error), hn::Add(sum, error), sum);
}

// Where all scores of a row that has keys are -inf, l is 0 and the quotient NaN, as the formula is.
void FinishRow(const RowState& state, int64_t row, bool sees_keys, int64_t channels,
               float score_scale, DType dtype, char* o, float* lse) {
  const float l = state.l[row] + (state.l_error == nullptr ? 0.0f : state.l_error[row]);
  if (lse != nullptr) {
    const double log2_largest =
        static_cast<double>(state.m[row]) * static_cast<double>(score_scale);
    *lse = !sees_keys ? -std::numeric_limits<float>::infinity()
                      : static_cast<float>((log2_largest + static_cast<double>(std::log2(l))) *
                                           0.6931471805599453);
  }
  const V inverse = hn::Set(kF32, sees_keys ? 1.0f / l : 0.0f);
  const float* sums = state.o + row * state.o_stride;
  const float* errors = state.o_error == nullptr ? nullptr : state.o_error + row * state.o_stride;
  for (int64_t c = 0; c < channels; c += kLanes) {
    V sum = hn::LoadU(kF32, sums + c);
    if (errors != nullptr) sum = Compensated(sum, hn::LoadU(kF32, errors + c));
    NarrowVector(dtype, hn::Mul(sum, inverse), std::min(kLanes, channels - c),
                 o + c * core::SizeOf(dtype));
  }
}

void BlendRow(const char* a, float weight_a, const char* b, float weight_b, int64_t channels,
              DType dtype, char* o) {
  alignas(64) float row_a[kLanes];
  alignas(64) float row_b[kLanes];
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int64_t count = std::min(kLanes, channels - c);
    const int64_t at = c * core::SizeOf(dtype);
    V sum = hn::Zero(kF32);
    if (weight_a != 0.0f) {
      WidenRow(dtype, a + at, count, kLanes, row_a);
      sum = hn::MulAdd(hn::Load(kF32, row_a), hn::Set(kF32, weight_a), sum);
    }
    if (weight_b != 0.0f) {
      WidenRow(dtype, b + at, count, kLanes, row_b);
      sum = hn::MulAdd(hn::Load(kF32, row_b), hn::Set(kF32, weight_b), sum);
    }
    NarrowVector(dtype, sum, count, o + at);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
