// Attention of the rows that selected a key chunk to that chunk, merged into the rows' running
// state.
//
//   S = K Q^T            score tiles, one step of keys at a time
//   P = exp(S - m)       m the running maximum of each query
//   O = correction O + P V
//   rows += O            after at most kChunkKeys keys
//
// Rows never mix: what one receives does not depend on the rows that share its panel.
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
#include "cpu/value-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Rows of the window whose queries lie side by side in lanes; the last one also fills what lanes
// are left.
struct Panel {
  const int32_t* rows;
  int64_t num_rows;
  int64_t more_rows;  // behind them in memory, likely to be visited next

  HWY_INLINE int32_t Row(int64_t lane) const { return rows[std::min(lane, num_rows - 1)]; }
};

// Softmax of one panel over the steps of a chunk; m in units of raw scores. It goes on from what
// its rows have seen before.
template <int kVectors>
struct PanelSoftmax {
  static constexpr int64_t kRows = kVectors * kLanes;
  alignas(64) float m[kRows];
  alignas(64) float l[kRows];
  alignas(64) float step_maxima[kRows];
  alignas(64) float correction[kRows];

  HWY_INLINE void Begin(const RowState& state, const Panel& panel) {
    for (int64_t i = 0; i < kRows; ++i) m[i] = state.m[panel.Row(i)];
    std::fill(l, l + kRows, 0.0f);
  }

  HWY_INLINE void BeginStep() {
    std::fill(step_maxima, step_maxima + kRows, -std::numeric_limits<float>::infinity());
  }
};

// Probabilities that are summed in one chain.
inline constexpr int64_t kSumKeys = 32;

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
  for (int64_t first = 0; first < num_keys; first += kSumKeys) {
    V chain[kVectors];
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) chain[v] = hn::Zero(kF32);
    const int64_t end = std::min(first + kSumKeys, num_keys);
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

// Updates m and l of the panel's rows, and sets `weight` to what their earlier sums are worth now.
template <int kVectors>
HWY_INLINE void UpdateRows(const RowState& state, const Panel& panel, float score_scale,
                           const PanelSoftmax<kVectors>& softmax, float* HWY_RESTRICT weight) {
  constexpr int64_t kRows = kVectors * kLanes;
  alignas(64) float m[kRows];
  alignas(64) float l[kRows];
  alignas(64) float l_error[kRows];
  for (int64_t i = 0; i < kRows; ++i) {
    const int32_t row = panel.Row(i);
    m[i] = state.m[row];
    l[i] = state.l[row];
    l_error[i] = state.l_error == nullptr ? 0.0f : state.l_error[row];
  }
  const V scale = hn::Set(kF32, score_scale);
  for (int64_t i = 0; i < kRows; i += kLanes) {
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

// Adds a panel's output to its rows: o = weight o + output.
template <bool kCompensated>
HWY_NOINLINE void AddRows(const RowState& state, const Panel& panel, const float* weight,
                          const float* HWY_RESTRICT output) {
  for (int64_t i = 0; i < panel.num_rows; ++i) {
    const int64_t at = panel.rows[i] * state.o_stride;
    float* HWY_RESTRICT o = state.o + at;
    float* HWY_RESTRICT errors = kCompensated ? state.o_error + at : nullptr;
    const V factor = hn::Set(kF32, weight[i]);
    for (int64_t channel = 0; channel < state.o_stride; channel += kLanes) {
      const V old = hn::Load(kF32, o + channel);
      const V added = hn::Load(kF32, output + i * state.o_stride + channel);
      if constexpr (kCompensated) {
        V sum = hn::Mul(old, factor);
        V error = hn::Mul(hn::Load(kF32, errors + channel), factor);
        CompensatedAdd(kF32, added, sum, error);
        hn::Store(sum, kF32, o + channel);
        hn::Store(error, kF32, errors + channel);
      } else {
        hn::Store(hn::MulAdd(old, factor, added), kF32, o + channel);
      }
    }
  }
}

// Asks memory for what a panel needs later: its rows' sums, and the queries of the rows behind it.
// A share of that with each tile of the first step's keys, so that it arrives while tiles are
// multiplied.
template <int kVectors>
HWY_INLINE void PrefetchShare(const ChunkVisit& visit, const Panel& panel, int64_t key) {
  constexpr int64_t kRows = kVectors * kLanes;
  const int64_t begin = key * kRows / kStepKeys;
  const int64_t end = (key + kKeyTile) * kRows / kStepKeys;
  for (int64_t i = begin; i < std::min(end, panel.num_rows); ++i) {
    const float* sums = visit.state.o + panel.rows[i] * visit.state.o_stride;
    PrefetchSpan(reinterpret_cast<const char*>(sums), visit.state.o_stride * 4);
  }
  const QueryRows& query = visit.query;
  for (int64_t i = begin; i < std::min(end, panel.more_rows); ++i) {
    PrefetchSpan(query.data + panel.rows[panel.num_rows + i] * query.stride_bytes,
                 query.head_dim * core::SizeOf(query.dtype));
  }
}

// Limits ascend: the first vectors of queries may see nothing of the tile.
template <int kVectors, int kFirst = 0>
HWY_INLINE void MaskedScoreTile(const float* keys, const float* queries, int64_t channels,
                                int32_t first_key, const int32_t* limits, float* scores,
                                float* maxima) {
  if constexpr (kFirst + 1 < kVectors) {
    if (limits[(kFirst + 1) * kLanes - 1] < first_key) {
      return MaskedScoreTile<kVectors, kFirst + 1>(keys, queries, channels, first_key, limits,
                                                   scores, maxima);
    }
  }
  ScoreTile<kVectors, true, kFirst>(keys, queries, channels, first_key, limits, scores, maxima);
}

// Scores of the keys of a step; the panel's limits are its rows' last visible keys of the chunk.
template <int kVectors>
HWY_INLINE void ScoreStep(const ChunkVisit& visit, const Panel& panel, int64_t first_key,
                          int64_t num_keys, const int32_t* limits, int32_t smallest_limit,
                          float* maxima) {
  constexpr int64_t kRows = kVectors * kLanes;
  const int64_t channels = visit.query.head_dim;
  for (int64_t key = 0; key < num_keys; key += kKeyTile) {
    if (first_key == 0) PrefetchShare<kVectors>(visit, panel, key);
    const auto first = static_cast<int32_t>(first_key + key);
    const float* keys = visit.keys + first * channels;
    float* scores = visit.scratch.scores + key * kRows;
    if (first + kKeyTile - 1 <= smallest_limit) {
      ScoreTile<kVectors, false>(keys, visit.scratch.queries, channels, first, limits, scores,
                                 maxima);
    } else {
      MaskedScoreTile<kVectors>(keys, visit.scratch.queries, channels, first, limits, scores,
                                maxima);
    }
  }
}

template <int kVectors>
void VisitPanel(const ChunkVisit& visit, const Panel& panel) {
  constexpr int64_t kRows = kVectors * kLanes;
  // Last visible key of each row, counted within the chunk; -1 if it sees none of it.
  alignas(64) int32_t limits[kRows];
  for (int64_t i = 0; i < kRows; ++i) {
    const int64_t limit =
        visit.query.first_limit + panel.Row(i) * visit.query.limit_step - visit.first_key;
    limits[i] = static_cast<int32_t>(std::clamp<int64_t>(limit, -1, visit.num_keys - 1));
  }
  // Rows are in ascending order.
  const int32_t smallest = limits[0];
  const int64_t visible = limits[kRows - 1] + 1;
  if (visible == 0) return;

  const RowState& state = visit.state;
  LoadPanel<kVectors>(visit.query, panel.rows, panel.num_rows, visit.scratch.widened,
                      visit.scratch.queries);
  PanelSoftmax<kVectors> softmax;
  softmax.Begin(state, panel);
  for (int64_t first = 0; first < visible; first += kStepKeys) {
    const int64_t num_keys = std::min(kStepKeys, visible - first);
    const bool masked = first + num_keys - 1 > smallest;
    softmax.BeginStep();
    ScoreStep<kVectors>(visit, panel, first, num_keys, limits, smallest, softmax.step_maxima);
    Exponentiate<kVectors>(visit.scratch.scores, num_keys, visit.score_scale, softmax);
    AddValues<kRows>({.values = visit.values + first * state.o_stride,
                      .probabilities = visit.scratch.scores,
                      .correction = softmax.correction,
                      .limits = limits,
                      .first_key = first,
                      .packed_keys = std::min(kStepKeys, visit.num_keys - first),
                      .num_keys = num_keys,
                      .num_rows = panel.num_rows,
                      .channels = state.o_stride,
                      .guarded = masked && !visit.values_finite[first / kStepKeys],
                      .output = visit.scratch.output});
  }
  alignas(64) float weight[kRows];
  UpdateRows<kVectors>(state, panel, visit.score_scale, softmax, weight);
  const auto add = state.o_error == nullptr ? AddRows<false> : AddRows<true>;
  add(state, panel, weight, visit.scratch.output);
}

// Calls body.template operator()<kVectors>(first_row, count) for panels that cover all rows, the
// last of them no wider than it must be.
template <class Body>
HWY_INLINE void ForEachPanel(int64_t num_rows, const Body& body) {
  int64_t first = 0;
  for (; num_rows - first > 2 * kLanes; first += 3 * kLanes) {
    body.template operator()<3>(first, std::min(3 * kLanes, num_rows - first));
  }
  if (num_rows - first > kLanes) {
    body.template operator()<2>(first, num_rows - first);
  } else if (num_rows > first) {
    body.template operator()<1>(first, num_rows - first);
  }
}

void Visit(const ChunkVisit& visit) {
  ForEachPanel(visit.num_rows, [&visit]<int kVectors>(int64_t first, int64_t count) {
    VisitPanel<kVectors>(visit, {.rows = visit.rows + first,
                                 .num_rows = count,
                                 .more_rows = visit.num_rows + visit.more_rows - first - count});
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
