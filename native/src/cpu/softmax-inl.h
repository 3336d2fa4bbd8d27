// The softmax of a panel over the steps of a chunk, and what becomes of its rows' running state.
#if defined(MOBA_CPU_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_SOFTMAX_INL_H_
#undef MOBA_CPU_SOFTMAX_INL_H_
#else
#define MOBA_CPU_SOFTMAX_INL_H_
#endif

#include <algorithm>
#include <limits>

#include "cpu/kernels.h"
#include "cpu/lanes-inl.h"
#include "cpu/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Rows of the window that meet the same keys.
struct Panel {
  const int32_t* rows;
  int64_t num_rows;

  // The last one also stands for what a tile has beyond them.
  HWY_INLINE int32_t Row(int64_t i) const { return rows[std::min(i, num_rows - 1)]; }
};

// It goes on from what its rows have seen before; m in units of raw scores.
struct PanelSoftmax {
  alignas(64) float m[kPanelRows];
  alignas(64) float l[kPanelRows];  // of this chunk
  alignas(64) float correction[kPanelRows];
  alignas(64) float maxima[kPanelRows * kLanes];  // of this step
  alignas(64) float sums[kPanelRows * kLanes];

  HWY_INLINE void Begin(const RowState& state, const Panel& panel) {
    for (int64_t i = 0; i < kPanelRows; ++i) m[i] = state.m[panel.Row(i)];
    std::fill(l, l + kPanelRows, 0.0f);
    std::fill(sums, sums + kPanelRows * kLanes, 0.0f);
  }

  HWY_INLINE void BeginStep() {
    std::fill(maxima, maxima + kPanelRows * kLanes, -std::numeric_limits<float>::infinity());
  }
};

// lanes[row][lane] -> folded[row].
template <class Op>
HWY_INLINE void FoldRows(Op op, const float* HWY_RESTRICT lanes, int64_t num_rows,
                         float* HWY_RESTRICT folded) {
  for (int64_t i = 0; i < num_rows; i += 4) {
    const float* at = lanes + i * kLanes;
    hn::Store(FoldFour(op, hn::Load(kF32, at), hn::Load(kF32, at + kLanes),
                       hn::Load(kF32, at + 2 * kLanes), hn::Load(kF32, at + 3 * kLanes)),
              kF32x4, folded + i);
  }
}

// Scores of one row to probabilities in place, and their sums by lane. Those of the last vector are
// stored with a vector of zeros where they have no other beside them.
template <class Operand>
HWY_INLINE void ExponentiateRow(V maximum, V scale, int64_t num_keys, float* HWY_RESTRICT scores,
                                float* HWY_RESTRICT sums) {
  V sum = hn::Zero(kF32);
  const auto exponentiate = [&](int64_t key) {
    const V score = hn::Load(kF32, scores + key);
    const V probability = Exp2(hn::Mul(hn::Sub(score, maximum), scale));
    sum = hn::Add(sum, probability);
    return probability;
  };
  const auto exponentiate_two = [&](int64_t key) {
    const V lower = exponentiate(key);
    const V upper = exponentiate(key + kLanes);
    Operand::StoreProbabilities(lower, upper, key, scores);
  };
  int64_t key = 0;
  for (; key + 4 * kLanes <= num_keys; key += 4 * kLanes) {
    exponentiate_two(key);
    exponentiate_two(key + 2 * kLanes);
  }
  for (; key + kLanes < num_keys; key += 2 * kLanes) exponentiate_two(key);
  if (key < num_keys) Operand::StoreProbabilities(exponentiate(key), hn::Zero(kF32), key, scores);
  hn::Store(sum, kF32, sums);
}

// Scores to probabilities in place, of as many keys of each tile of rows as visible_keys(its last
// row) says; updates m and l and sets the correction of earlier sums.
template <class Operand, class VisibleKeys>
HWY_NOINLINE void Exponentiate(float* HWY_RESTRICT scores, int64_t num_rows, float score_scale,
                               const VisibleKeys& visible_keys, PanelSoftmax& softmax) {
  alignas(64) float folded[kPanelRows];
  FoldRows(Larger(), softmax.maxima, core::RoundUp(num_rows, kLanes), folded);
  const V scale = hn::Set(kF32, score_scale);
  for (int64_t i = 0; i < num_rows; i += kLanes) {
    const V old = hn::Load(kF32, softmax.m + i);
    const V maximum = hn::Max(old, hn::Load(kF32, folded + i));
    hn::Store(Exp2(hn::Mul(hn::Sub(old, maximum), scale)), kF32, softmax.correction + i);
    hn::Store(maximum, kF32, softmax.m + i);
  }
  ForEachRowTile(num_rows, [&]<int kRows>(int64_t first) {
    const int64_t num_keys = visible_keys(first + kRows - 1);
    for (int64_t row = first; row < first + kRows; ++row) {
      ExponentiateRow<Operand>(hn::Set(kF32, softmax.m[row]), scale, num_keys,
                               scores + row * kStepKeys, softmax.sums + row * kLanes);
    }
  });
  FoldRows(Plus(), softmax.sums, core::RoundUp(num_rows, kLanes), folded);
  for (int64_t i = 0; i < num_rows; i += kLanes) {
    const V l = hn::Load(kF32, softmax.l + i);
    hn::Store(hn::MulAdd(l, hn::Load(kF32, softmax.correction + i), hn::Load(kF32, folded + i)),
              kF32, softmax.l + i);
  }
}

// sum += addend; the rounding error of that addition goes to `error` (Knuth's TwoSum).
template <class D>
HWY_INLINE void CompensatedAdd(D /*d*/, hn::Vec<D> addend, hn::Vec<D>& sum, hn::Vec<D>& error) {
  const auto total = hn::Add(sum, addend);
  const auto part = hn::Sub(total, sum);
  const auto lost = hn::Add(hn::Sub(sum, hn::Sub(total, part)), hn::Sub(addend, part));
  error = hn::Add(error, lost);
  sum = total;
}

// Updates m and l of the panel's rows, and sets `weight` to what their earlier sums are worth now.
HWY_INLINE void UpdateRows(const RowState& state, const Panel& panel, float score_scale,
                           const PanelSoftmax& softmax, float* HWY_RESTRICT weight) {
  alignas(64) float m[kPanelRows];
  alignas(64) float l[kPanelRows];
  alignas(64) float l_error[kPanelRows];
  const int64_t num_rows = core::RoundUp(panel.num_rows, kLanes);
  for (int64_t i = 0; i < num_rows; ++i) {
    const int32_t row = panel.Row(i);
    m[i] = state.m[row];
    l[i] = state.l[row];
    l_error[i] = state.l_error == nullptr ? 0.0f : state.l_error[row];
  }
  const V scale = hn::Set(kF32, score_scale);
  for (int64_t i = 0; i < num_rows; i += kLanes) {
    const V difference = hn::Sub(hn::Load(kF32, m + i), hn::Load(kF32, softmax.m + i));
    const V factor = Exp2(hn::Mul(difference, scale));
    V sum = hn::Mul(hn::Load(kF32, l + i), factor);
    V error = hn::Mul(hn::Load(kF32, l_error + i), factor);
    const V added = hn::Load(kF32, softmax.l + i);
    if (state.l_error == nullptr) {
      sum = hn::Add(sum, added);
    } else {
      CompensatedAdd(kF32, added, sum, error);
    }
    hn::Store(factor, kF32, weight + i);
    hn::Store(sum, kF32, l + i);
    hn::Store(error, kF32, l_error + i);
  }
  for (int64_t i = 0; i < panel.num_rows; ++i) {
    const int32_t row = panel.rows[i];
    state.m[row] = softmax.m[i];
    state.l[row] = l[i];
    if (state.l_error != nullptr) state.l_error[row] = l_error[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
