// Routing of a query window: scores against all centroids, a running top-k per query, and the
// selection in ascending order (specification, section 2). Scores live for one step only.
#if defined(MOBA_CPU_ROUTE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_ROUTE_INL_H_
#undef MOBA_CPU_ROUTE_INL_H_
#else
#define MOBA_CPU_ROUTE_INL_H_
#endif

#include <algorithm>

#include "cpu/best-inl.h"
#include "cpu/visit-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// What one query may choose from: blocks [first, last] compete for `places`, the forced blocks
// [0, sinks_end) and [local_begin, own] are in already.
struct Eligible {
  int64_t own;  // latest visible block; -1: no visible key
  int64_t sinks_end;
  int64_t local_begin;
  int64_t first;
  int64_t last;
  int64_t places;

  Eligible() = default;
  Eligible(const RouteWindow& window, int64_t row) {
    const core::Options& options = *window.options;
    const int64_t limit = window.query.first_limit + row * window.query.limit_step;
    own = limit < 0 ? -1 : std::min(limit / window.block_size, window.num_blocks - 1);
    sinks_end = std::min(options.sink_blocks, own + 1);
    local_begin = options.causal ? std::max(own - options.local_blocks + 1, sinks_end) : own + 1;
    first = sinks_end;
    last = local_begin - 1;
    places = std::min(options.top_k, window.num_blocks) - sinks_end - (own + 1 - local_begin);
    places = std::max<int64_t>(places, 0);
  }
};

// Scores of the panel's queries against centroids [first_block, first_block + num_blocks).
template <int kVectors>
HWY_INLINE void ScoreCentroids(const RouteWindow& window, const int32_t* rows, int64_t num_rows,
                               int64_t first_block, int64_t num_blocks) {
  constexpr int64_t kRows = kVectors * kLanes;
  alignas(64) float maxima[kRows] = {};
  const PanelScratch& scratch = window.scratch;
  const int64_t channels = window.query.head_dim;
  for (int64_t head = 0; head < window.num_heads; ++head) {
    if (window.num_heads > 1) {
      QueryRows query = window.query;
      query.data += head * window.head_stride_bytes;
      LoadPanel<kVectors>(query, rows, num_rows, scratch.widened, scratch.queries);
    }
    for (int64_t block = 0; block < num_blocks; block += kKeyTile) {
      const float* centroids = window.centroids + (first_block + block) * channels;
      float* scores = scratch.scores + block * kRows;
      if (head == 0) {
        ScoreTile<kVectors, false>(centroids, scratch.queries, channels, 0, nullptr, scores,
                                   maxima);
        continue;
      }
      alignas(64) float head_scores[kKeyTile * kRows];
      ScoreTile<kVectors, false>(centroids, scratch.queries, channels, 0, nullptr, head_scores,
                                 maxima);
      for (int64_t i = 0; i < kKeyTile * kRows; i += kLanes) {
        const V sum = hn::Add(hn::Load(kF32, scores + i), hn::Load(kF32, head_scores + i));
        hn::Store(sum, kF32, scores + i);
      }
    }
  }
}

// Forced blocks and the chosen others, ascending, then -1.
template <class Best>
HWY_INLINE void WriteSelection(const Eligible& eligible, const Best& best, int64_t panel_row,
                               int64_t width, int32_t* selected) {
  int32_t* out = selected;
  for (int64_t b = 0; b < eligible.sinks_end; ++b) *out++ = static_cast<int32_t>(b);
  out += best.Choose(panel_row, out);
  for (int64_t b = eligible.local_begin; b <= eligible.own; ++b) *out++ = static_cast<int32_t>(b);
  std::fill(out, selected + width, -1);
}

template <int kVectors, class Best>
void RoutePanel(const RouteWindow& window, int64_t first_row, int64_t num_rows) {
  constexpr int64_t kRows = kVectors * kLanes;
  int32_t rows[kRows];
  Eligible eligible[kRows];
  Competition<kRows> competition;
  for (int64_t i = 0; i < kRows; ++i) {
    rows[i] = static_cast<int32_t>(first_row + std::min(i, num_rows - 1));
    eligible[i] = Eligible(window, rows[i]);
    competition.Set(i, eligible[i].first, eligible[i].last, eligible[i].places);
  }
  Best best(competition, window.scratch.candidates, window.width);
  if (window.num_heads == 1) {
    LoadPanel<kVectors>(window.query, rows, num_rows, window.scratch.widened,
                        window.scratch.queries);
  }
  for (int64_t step = 0; step < competition.end; step += kStepKeys) {
    const int64_t step_end = std::min(step + kStepKeys, competition.end);
    ScoreCentroids<kVectors>(window, rows, num_rows, step, step_end - step);
    if (step == 0) best.Foresee(window.scratch.scores, step_end);
    for (int64_t block = step; block < step_end; block += kKeyTile) {
      best.Add(window.scratch.scores + (block - step) * kRows, static_cast<int32_t>(block));
    }
  }
  best.End();
  for (int64_t i = 0; i < num_rows; ++i) {
    WriteSelection(eligible[i], best, i, window.width, window.selected + rows[i] * window.width);
  }
}

void Route(const RouteWindow& window) {
  ForEachPanel(window.num_rows, [&window]<int kVectors>(int64_t first, int64_t count) {
    if (window.width <= kMostSorted) {
      RoutePanel<kVectors, SortedBest<kVectors>>(window, first, count);
    } else {
      RoutePanel<kVectors, HeapBest<kVectors>>(window, first, count);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
