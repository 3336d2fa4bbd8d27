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
#include "cpu/pack-inl.h"
#include "cpu/tile-inl.h"

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

// Blocks whose scores are held at once: tiles of any number of rows fill them.
inline constexpr int64_t kRouteBlocks = 96;
static_assert(kRouteBlocks % kTileRows == 0 && kRouteBlocks * kSlab <= kStepKeys * kPanelRows);

// Centroids times queries: rows are blocks, lanes queries.
template <class Operand, int kRows, int kVectors>
HWY_NOINLINE void CentroidTile(const float* HWY_RESTRICT centroids, int64_t centroid_stride,
                               const float* HWY_RESTRICT queries, int64_t words, bool add,
                               float* HWY_RESTRICT scores) {
  const float* rows[kRows];
  for (int r = 0; r < kRows; ++r) rows[r] = centroids + r * centroid_stride;
  Tile<Operand, kRows, kVectors> tile;
  tile.Zero();
  tile.template Accumulate<false>(rows, queries, kVectors * kLanes, words);
  MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      float* const out = scores + (r * kVectors + v) * kLanes;
      if (add) tile.c[r][v] = hn::Add(hn::Load(kF32, out), tile.c[r][v]);
      hn::Store(tile.c[r][v], kF32, out);
    }
  }
}

// Scores of the panel's queries against centroids [first_block, first_block + num_blocks),
// [block][query].
template <class Operand, int kVectors>
HWY_INLINE void ScoreCentroids(const RouteWindow& window, SourceRows queries, int64_t first_block,
                               int64_t num_blocks) {
  const PanelScratch& scratch = window.scratch;
  for (int64_t head = 0; head < window.num_heads; ++head) {
    // Those of a single head are there already.
    if (window.num_heads > 1) PackSlab<Operand>(queries, scratch.widened, scratch.queries);
    queries.data += window.head_stride_bytes;
    ForEachRowTile(num_blocks, [&]<int kRows>(int64_t block) {
      CentroidTile<Operand, kRows, kVectors>(
          window.centroids + (first_block + block) * window.centroid_stride, window.centroid_stride,
          scratch.queries, Words<Operand>(window.query.head_dim), head > 0,
          scratch.scores + block * kVectors * kLanes);
    });
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

template <class Operand, int kVectors, class Best>
void RoutePanel(const RouteWindow& window, int64_t first_row, int64_t num_rows) {
  constexpr int64_t kRows = kVectors * kLanes;
  const PanelScratch& scratch = window.scratch;
  const QueryRows& query = window.query;
  Eligible eligible[kRows];
  Competition<kRows> competition;
  for (int64_t i = 0; i < kRows; ++i) {
    eligible[i] = Eligible(window, first_row + std::min(i, num_rows - 1));
    competition.Set(i, eligible[i].first, eligible[i].last, eligible[i].places);
  }
  Best best(competition, scratch.candidates, window.width);
  const SourceRows queries = {query.data + first_row * query.stride_bytes, query.stride_bytes,
                              query.dtype, num_rows, query.head_dim};
  if (window.num_heads == 1) PackSlab<Operand>(queries, scratch.widened, scratch.queries);
  for (int64_t step = 0; step < competition.end; step += kRouteBlocks) {
    const int64_t num_blocks = std::min(kRouteBlocks, competition.end - step);
    ScoreCentroids<Operand, kVectors>(window, queries, step, num_blocks);
    if (step == 0) best.Foresee(scratch.scores, num_blocks);
    ForEachRowTile(num_blocks, [&]<int kBlocks>(int64_t block) {
      best.template Add<kBlocks>(scratch.scores + block * kRows,
                                 static_cast<int32_t>(step + block));
    });
  }
  best.End();
  for (int64_t i = 0; i < num_rows; ++i) {
    WriteSelection(eligible[i], best, i, window.width,
                   window.selected + (first_row + i) * window.width);
  }
}

template <class Operand>
void Route(const RouteWindow& window) {
  for (int64_t first = 0; first < window.num_rows; first += kSlab) {
    const int64_t count = std::min(kSlab, window.num_rows - first);
    WithVectors(core::CeilDiv(count, kLanes), [&]<int kVectors>() {
      if (window.width <= kMostSorted) {
        RoutePanel<Operand, kVectors, SortedBest<kVectors>>(window, first, count);
      } else {
        RoutePanel<Operand, kVectors, HeapBest<kVectors>>(window, first, count);
      }
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
