// Scores of one query against a chunk of rows (keys or centroids): s_r = <q, row_r>, fp32.
//
// The rows are staged in shared memory kTileChannels at a time, widened to float, so that a warp
// reads neighbouring channels of one row and then multiplies neighbouring rows. A row's channels
// are summed in two chains, one half of each tile each.
#pragma once

#include <cmath>

#include "cuda/element.h"

namespace moba::cuda {

inline constexpr int64_t kMaxHeadDim = 1024;
inline constexpr int kChunkRows = 64;
inline constexpr int kTileChannels = 32;

struct ScoreMemory {
  float query[kMaxHeadDim];                         // zero up to a multiple of kTileChannels
  float tile[kChunkRows][kTileChannels + 1];        // one more: threads of a warp hit all banks
  float halves[kThreads / kChunkRows][kChunkRows];  // both chains of a row
  float scores[kChunkRows];
};

// Widens the query into memory.query.
template <class Element>
MOBA_DEVICE void LoadQuery(Block& block, ScoreMemory& memory, const char* row, int64_t head_dim) {
  const Element* const query = reinterpret_cast<const Element*>(row);
  block.Each([&](int thread) {
    for (int64_t channel = thread; channel < kMaxHeadDim; channel += kThreads) {
      memory.query[channel] = channel < head_dim ? Widen(query[channel]) : 0.0f;
    }
  });
}

// Leaves the scores of rows row_of(0) .. row_of(count - 1) in memory.scores; count <= kChunkRows.
template <class Element, class RowOf>
MOBA_DEVICE void ScoreChunk(Block& block, ScoreMemory& memory, int64_t head_dim, int count,
                            const RowOf& row_of) {
  constexpr int kHalf = kTileChannels * kChunkRows / kThreads;
  PerThread<float> chain;
  for (int64_t first = 0; first < head_dim; first += kTileChannels) {
    block.Each([&](int thread) {
      const int place = thread % kTileChannels;
      const int64_t channel = first + place;
      for (int row = thread / kTileChannels; row < count; row += kThreads / kTileChannels) {
        memory.tile[row][place] =
            channel < head_dim ? Widen(static_cast<const Element*>(row_of(row))[channel]) : 0.0f;
      }
    });
    block.Each([&](int thread) {
      const int row = thread % kChunkRows;
      const int half = thread / kChunkRows;
      if (row >= count) return;
      float sum = chain[thread];
      for (int i = half * kHalf; i < (half + 1) * kHalf; ++i) {
        sum = fmaf(memory.query[first + i], memory.tile[row][i], sum);
      }
      chain[thread] = sum;
      memory.halves[half][row] = sum;
    });
  }
  block.Each([&](int thread) {
    if (thread < count) memory.scores[thread] = memory.halves[0][thread] + memory.halves[1][thread];
  });
}

}  // namespace moba::cuda
