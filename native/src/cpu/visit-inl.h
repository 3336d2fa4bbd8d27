// Attention of the rows that selected a key chunk to that chunk, merged into the rows' running
// state.
//
//   S = K Q^T            score tiles, one step of keys at a time
//   P = exp(S - m)       m the running maximum of each query
//   O = correction O + V^T P
//   state += (O, m, l)   after at most kChunkKeys keys
//
// Lanes never mix: what a row receives does not depend on the rows that share its panel.
#if defined(MOBA_CPU_VISIT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_VISIT_INL_H_
#undef MOBA_CPU_VISIT_INL_H_
#else
#define MOBA_CPU_VISIT_INL_H_
#endif

#include <algorithm>
#include <cmath>

#include "cpu/tile-inl.h"
#include "cpu/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Softmax of one panel over the steps of a chunk; m in units of raw scores.
template <int kVectors>
struct PanelSoftmax {
  static constexpr int64_t kRows = kVectors * kLanes;
  alignas(64) float m[kRows];
  alignas(64) float l[kRows];
  alignas(64) float step_maxima[kRows];
  alignas(64) float correction[kRows];

  HWY_INLINE void Begin() {
    std::fill(m, m + kRows, kLowestMaximum);
    std::fill(l, l + kRows, 0.0f);
  }

  HWY_INLINE void BeginStep() {
    std::fill(step_maxima, step_maxima + kRows, -std::numeric_limits<float>::infinity());
  }
};

// Scores to probabilities in place; updates m and l and sets the correction of earlier sums.
template <int kVectors>
HWY_NOINLINE void Exponentiate(float* HWY_RESTRICT scores, int64_t num_keys, float score_scale,
                               PanelSoftmax<kVectors>& softmax) {
  const V scale = hn::Set(kF32, score_scale);
  V maximum[kVectors];
  V sum[kVectors];
  MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
    const V old = hn::Load(kF32, softmax.m + v * kLanes);
    maximum[v] = hn::Max(old, hn::Load(kF32, softmax.step_maxima + v * kLanes));
    const V correction = Exp2(hn::Mul(hn::Sub(old, maximum[v]), scale));
    hn::Store(correction, kF32, softmax.correction + v * kLanes);
    hn::Store(maximum[v], kF32, softmax.m + v * kLanes);
    sum[v] = hn::Zero(kF32);
  }
  for (int64_t first = 0; first < num_keys; first += kChainKeys / 2) {
    V chain[kVectors];
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) chain[v] = hn::Zero(kF32);
    const int64_t end = std::min(first + kChainKeys / 2, num_keys);
    for (int64_t key = first; key < end; ++key) {
      float* row = scores + key * kVectors * kLanes;
      MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
        const V score = hn::Load(kF32, row + v * kLanes);
        const V p = Exp2(hn::Mul(hn::Sub(score, maximum[v]), scale));
        chain[v] = hn::Add(chain[v], p);
        hn::Store(p, kF32, row + v * kLanes);
      }
    }
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) sum[v] = hn::Add(sum[v], chain[v]);
  }
  MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
    const V correction = hn::Load(kF32, softmax.correction + v * kLanes);
    const V l = hn::Load(kF32, softmax.l + v * kLanes);
    hn::Store(hn::MulAdd(l, correction, sum[v]), kF32, softmax.l + v * kLanes);
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

// Adds a panel's transposed output [channel][row] and its (m, l) to the state of its rows.
template <int kVectors, bool kCompensated>
HWY_NOINLINE void MergePanel(const RowState& state, const int32_t* rows, int64_t num_rows,
                             float score_scale, const PanelSoftmax<kVectors>& softmax,
                             const float* HWY_RESTRICT output) {
  constexpr int64_t kRows = kVectors * kLanes;
  alignas(64) float m[kRows];
  alignas(64) float l[kRows];
  alignas(64) float l_error[kRows];
  alignas(64) float old_weight[kRows];
  alignas(64) float new_weight[kRows];
  for (int64_t i = 0; i < kRows; ++i) {
    const int32_t row = rows[std::min(i, num_rows - 1)];
    m[i] = state.m[row];
    l[i] = state.l[row];
    l_error[i] = kCompensated ? state.l_error[row] : 0.0f;
  }
  const V scale = hn::Set(kF32, score_scale);
  for (int64_t i = 0; i < kRows; i += kLanes) {
    const V m_old = hn::Load(kF32, m + i);
    const V m_new = hn::Load(kF32, softmax.m + i);
    const V m_both = hn::Max(m_old, m_new);
    const V weight_old = Exp2(hn::Mul(hn::Sub(m_old, m_both), scale));
    const V weight_new = Exp2(hn::Mul(hn::Sub(m_new, m_both), scale));
    V l_both = hn::Mul(hn::Load(kF32, l + i), weight_old);
    const V l_added = hn::Mul(hn::Load(kF32, softmax.l + i), weight_new);
    if constexpr (kCompensated) {
      V error = hn::Mul(hn::Load(kF32, l_error + i), weight_old);
      CompensatedAdd(kF32, l_added, l_both, error);
      hn::Store(error, kF32, l_error + i);
    } else {
      l_both = hn::Add(l_both, l_added);
    }
    hn::Store(m_both, kF32, m + i);
    hn::Store(l_both, kF32, l + i);
    hn::Store(weight_old, kF32, old_weight + i);
    hn::Store(weight_new, kF32, new_weight + i);
  }
  for (int64_t i = 0; i < num_rows; ++i) {
    state.m[rows[i]] = m[i];
    state.l[rows[i]] = l[i];
    if constexpr (kCompensated) state.l_error[rows[i]] = l_error[i];
  }

  alignas(64) float transposed[4 * kLanes];
  for (int v = 0; v < kVectors; ++v) {
    const int64_t first_row = v * kLanes;
    const int64_t count = std::min<int64_t>(kLanes, num_rows - first_row);
    const V weight = hn::Load(kF32, new_weight + first_row);
    for (int64_t channel = 0; channel < state.o_stride; channel += 4) {
      V block[4];
      MOBA_UNROLL for (int i = 0; i < 4; ++i) {
        block[i] = hn::Mul(hn::Load(kF32, output + (channel + i) * kRows + first_row), weight);
      }
      TransposeBlocks(kF32, block);
      MOBA_UNROLL for (int i = 0; i < 4; ++i) {
        hn::Store(block[i], kF32, transposed + i * kLanes);
      }
      for (int64_t i = 0; i < count; ++i) {
        const int64_t at = rows[first_row + i] * state.o_stride + channel;
        const auto added = hn::Load(kF32x4, transposed + i % 4 * kLanes + i / 4 * 4);
        const auto factor = hn::Set(kF32x4, old_weight[first_row + i]);
        const auto old = hn::Load(kF32x4, state.o + at);
        if constexpr (kCompensated) {
          auto sum = hn::Mul(old, factor);
          auto error = hn::Mul(hn::Load(kF32x4, state.o_error + at), factor);
          CompensatedAdd(kF32x4, added, sum, error);
          hn::Store(sum, kF32x4, state.o + at);
          hn::Store(error, kF32x4, state.o_error + at);
        } else {
          hn::Store(hn::MulAdd(old, factor, added), kF32x4, state.o + at);
        }
      }
    }
  }
}

template <int kVectors>
HWY_INLINE void ScoreStep(const ChunkVisit& visit, int64_t first_key, int64_t num_keys,
                          const int32_t* limits, int32_t smallest_limit, float* maxima) {
  constexpr int64_t kRows = kVectors * kLanes;
  const int64_t channels = visit.query.head_dim;
  for (int64_t key = 0; key < num_keys; key += kKeyTile) {
    const auto first = static_cast<int32_t>(first_key + key);
    const float* keys = visit.keys + first * channels;
    float* scores = visit.scratch.scores + key * kRows;
    if (first + kKeyTile - 1 > smallest_limit) {
      ScoreTile<kVectors, true>(keys, visit.scratch.queries, channels, first, limits, scores,
                                maxima);
    } else {
      ScoreTile<kVectors, false>(keys, visit.scratch.queries, channels, first, limits, scores,
                                 maxima);
    }
  }
}

// Adds the values of a step, kChainKeys keys at a time. `packed_keys` is the number of keys in the
// step as packed, `num_keys` how many of them are visible.
template <int kVectors>
HWY_INLINE void ValueStep(const ChunkVisit& visit, int64_t first_key, int64_t packed_keys,
                          int64_t num_keys, const int32_t* limits, int32_t smallest_limit,
                          const float* correction) {
  constexpr int64_t kRows = kVectors * kLanes;
  const bool guarded =
      first_key + num_keys - 1 > smallest_limit && !visit.values_finite[first_key / kStepKeys];
  alignas(64) float ones[kRows];
  std::fill(ones, ones + kRows, 1.0f);
  const float* values = visit.values + first_key * visit.state.o_stride;
  for (int64_t channel = 0; channel < visit.state.o_stride; channel += kKeyTile) {
    float* output = visit.scratch.output + channel * kRows;
    for (int64_t chain = 0; chain < num_keys; chain += kChainKeys) {
      const float* tile = values + channel * packed_keys + chain * kKeyTile;
      const float* probabilities = visit.scratch.scores + chain * kRows;
      const int64_t length = std::min(kChainKeys, num_keys - chain);
      const int64_t first = first_key + chain;
      const float* factor = chain == 0 ? correction : ones;
      if (guarded) {
        GuardedValueTile<kVectors>(tile, probabilities, length, first, factor, limits, output);
      } else if (first == 0) {
        ValueTile<kVectors, true>(tile, probabilities, length, factor, output);
      } else {
        ValueTile<kVectors, false>(tile, probabilities, length, factor, output);
      }
    }
  }
}

template <int kVectors>
void VisitPanel(const ChunkVisit& visit, const int32_t* rows, int64_t num_rows) {
  constexpr int64_t kRows = kVectors * kLanes;
  // Last visible key of each row, counted within the chunk; -1 if it sees none of it.
  alignas(64) int32_t limits[kRows];
  for (int64_t i = 0; i < kRows; ++i) {
    const int64_t row = rows[std::min(i, num_rows - 1)];
    const int64_t limit = visit.query.first_limit + row * visit.query.limit_step - visit.first_key;
    limits[i] = static_cast<int32_t>(std::clamp<int64_t>(limit, -1, visit.num_keys - 1));
  }
  const auto [smallest, largest] = std::minmax_element(limits, limits + kRows);
  const int64_t visible = *largest + 1;
  if (visible == 0) return;

  LoadPanel<kVectors>(visit.query, rows, num_rows, visit.scratch.widened, visit.scratch.queries);
  PanelSoftmax<kVectors> softmax;
  softmax.Begin();
  for (int64_t first = 0; first < visible; first += kStepKeys) {
    const int64_t packed_keys = std::min(kStepKeys, visit.num_keys - first);
    const int64_t num_keys = std::min(kStepKeys, visible - first);
    softmax.BeginStep();
    ScoreStep<kVectors>(visit, first, num_keys, limits, *smallest, softmax.step_maxima);
    Exponentiate<kVectors>(visit.scratch.scores, num_keys, visit.score_scale, softmax);
    ValueStep<kVectors>(visit, first, packed_keys, num_keys, limits, *smallest, softmax.correction);
  }
  const auto merge =
      visit.state.o_error == nullptr ? MergePanel<kVectors, false> : MergePanel<kVectors, true>;
  merge(visit.state, rows, num_rows, visit.score_scale, softmax, visit.scratch.output);
}

// Calls panel.template operator()<kVectors>(first_row, count) for panels that cover all rows, the
// last of them no wider than it must be.
template <class Panel>
HWY_INLINE void ForEachPanel(int64_t num_rows, const Panel& panel) {
  int64_t first = 0;
  for (; num_rows - first > 2 * kLanes; first += 3 * kLanes) {
    panel.template operator()<3>(first, std::min(3 * kLanes, num_rows - first));
  }
  if (num_rows - first > kLanes) {
    panel.template operator()<2>(first, num_rows - first);
  } else if (num_rows > first) {
    panel.template operator()<1>(first, num_rows - first);
  }
}

void Visit(const ChunkVisit& visit) {
  ForEachPanel(visit.num_rows, [&visit]<int kVectors>(int64_t first, int64_t count) {
    VisitPanel<kVectors>(visit, visit.rows + first, count);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
