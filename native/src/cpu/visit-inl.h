// Attention of the rows that selected a key chunk to that chunk, merged into the rows' running
// state.
//
//   S = Q K^T            one step of keys at a time
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

#include "cpu/ahead-inl.h"
#include "cpu/score-inl.h"
#include "cpu/softmax-inl.h"
#include "cpu/value-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

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

// The panel's queries as words: where they lie, or in `scratch`.
template <class Operand>
HWY_INLINE void FindQueries(const QueryRows& query, const Panel& panel, float* scratch,
                            const float** queries) {
  for (int64_t i = 0; i < kPanelRows; ++i) {
    queries[i] = i < panel.num_rows
                     ? Operand::Row(query.dtype, query.data + panel.rows[i] * query.stride_bytes,
                                    query.head_dim, 1, scratch + i * query.head_dim)
                     : queries[i - 1];
  }
}

// What is wanted after a panel: the queries and sums of the next one, of this visit or the next,
// and the panel's share of the next chunk.
template <class Operand>
HWY_INLINE void FindWanted(const ChunkVisit& visit, const Panel& panel, Wanted (&wanted)[4]) {
  const QueryRows& query = visit.query;
  const int64_t end_row = panel.rows - visit.rows + panel.num_rows;
  const bool last = end_row == visit.num_rows;
  const int32_t* const next_rows = last ? visit.next_rows : visit.rows + end_row;
  const int64_t num_rows =
      std::min(last ? visit.num_next_rows : visit.num_rows - end_row, kPanelRows);
  const int64_t sum_bytes = visit.state.o_stride * 4;
  wanted[0] = {query.data, query.stride_bytes, query.head_dim * core::SizeOf(query.dtype),
               next_rows, num_rows};
  wanted[1] = {reinterpret_cast<const char*>(visit.state.o), sum_bytes, sum_bytes, next_rows,
               num_rows};
  const auto share = [&](int64_t row) { return row * visit.next_num_keys / visit.num_rows; };
  const int64_t first_key = share(end_row - panel.num_rows);
  const int64_t num_keys = share(end_row) - first_key;
  const int64_t key_bytes = Words<Operand>(query.head_dim) * 4;
  const int64_t value_bytes = sum_bytes / Operand::kPerWord;
  wanted[2] = {reinterpret_cast<const char*>(visit.next_keys) + first_key * key_bytes, key_bytes,
               key_bytes, nullptr, num_keys};
  wanted[3] = {reinterpret_cast<const char*>(visit.next_values) + first_key * value_bytes,
               value_bytes, value_bytes, nullptr, num_keys};
}

// Scores of the keys of a step, slab by slab: a slab stays in the first-level cache for all rows.
template <class Operand>
HWY_INLINE void ScoreStep(const ChunkVisit& visit, const Panel& panel, const float* const* queries,
                          int64_t first_key, int64_t num_keys, const int32_t* limits, float* maxima,
                          Ahead& ahead) {
  const int64_t words = Words<Operand>(visit.query.head_dim);
  for (int64_t key = 0; key < num_keys; key += kSlab) {
    const int64_t first = first_key + key;
    const int64_t rest = core::RoundUp(visit.num_keys - first, kLanes);
    const ScoreSlab<Operand> slab = {.queries = queries,
                                     .keys = visit.keys + first * words,
                                     .slab_keys = std::min(rest, kSlab),
                                     .words = words,
                                     .first_key = static_cast<int32_t>(first),
                                     .limits = limits,
                                     .scores = visit.scratch.scores + key,
                                     .maxima = maxima};
    ForEachRowTile(panel.num_rows, [&]<int kRows>(int64_t row) {
      ahead.Ask();
      slab.template Multiply<kRows>(row);
    });
  }
}

template <class Operand>
void VisitPanel(const ChunkVisit& visit, const Panel& panel) {
  // Last visible key of each row, counted within the chunk; -1 if it sees none of it. Rows are in
  // ascending order.
  alignas(64) int32_t limits[kPanelRows];
  for (int64_t i = 0; i < kPanelRows; ++i) {
    const int64_t limit =
        visit.query.first_limit + panel.Row(i) * visit.query.limit_step - visit.first_key;
    limits[i] = static_cast<int32_t>(std::clamp<int64_t>(limit, -1, visit.num_keys - 1));
  }
  const int64_t visible = limits[kPanelRows - 1] + 1;
  if (visible == 0) return;

  const RowState& state = visit.state;
  const float* queries[kPanelRows];
  FindQueries<Operand>(visit.query, panel, visit.scratch.widened, queries);
  PanelSoftmax softmax;
  softmax.Begin(state, panel);
  // A single step is added to the rows themselves.
  const bool directly = visible <= kStepKeys && state.o_error == nullptr;
  float* output[kPanelRows];
  for (int64_t i = 0; i < kPanelRows; ++i) {
    output[i] = directly && i < panel.num_rows ? state.o + panel.rows[i] * state.o_stride
                                               : visit.scratch.output + i * state.o_stride;
  }
  Wanted wanted[4];
  FindWanted<Operand>(visit, panel, wanted);
  const int64_t slabs = core::CeilDiv(visible, kSlab) +
                        core::CeilDiv(visible, kStepKeys) * core::CeilDiv(state.o_stride, kSlab);
  Ahead ahead(wanted, slabs * core::CeilDiv(panel.num_rows, kTileRows));
  for (int64_t first = 0; first < visible; first += kStepKeys) {
    const int64_t num_keys = std::min(kStepKeys, visible - first);
    const bool masked = first + num_keys - 1 > limits[0];
    softmax.BeginStep();
    ScoreStep<Operand>(visit, panel, queries, first, num_keys, limits, softmax.maxima, ahead);
    const ValueStep step = {.values = visit.values + Words<Operand>(first) * state.o_stride,
                            .probabilities = visit.scratch.scores,
                            .correction = directly || first > 0 ? softmax.correction : nullptr,
                            .limits = limits,
                            .first_key = first,
                            .packed_keys = std::min(kStepKeys, visit.num_keys - first),
                            .num_rows = panel.num_rows,
                            .channels = state.o_stride,
                            .guarded = masked && !visit.values_finite[first / kStepKeys],
                            .output = output};
    Exponentiate<Operand>(
        visit.scratch.scores, panel.num_rows, visit.score_scale,
        [&](int64_t row) { return step.VisibleKeys(row); }, softmax);
    AddValues<Operand>(step, ahead);
  }
  alignas(64) float weight[kPanelRows];
  UpdateRows(state, panel, visit.score_scale, softmax, weight);
  if (directly) return;
  const auto add = state.o_error == nullptr ? AddRows<false> : AddRows<true>;
  add(state, panel, weight, visit.scratch.output);
}

template <class Operand>
void Visit(const ChunkVisit& visit) {
  for (int64_t first = 0; first < visit.num_rows; first += kPanelRows) {
    const int64_t count = std::min(kPanelRows, visit.num_rows - first);
    VisitPanel<Operand>(visit, {.rows = visit.rows + first, .num_rows = count});
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
