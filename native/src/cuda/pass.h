// What of a run is worked on at once, and how its queries are cut into tiles.
//
// A run on tensor cores keeps a partial result for every query, head and selected block. Passes
// over some of the heads and queries, one after the other in one workspace, keep that memory small.
#pragma once

#include <algorithm>

#include "cuda/sequence_table.h"

namespace moba::cuda {

struct Pass {
  int64_t row_begin;  // queries, counted over all sequences
  int64_t row_end;
  int64_t kv_head_begin;
  int64_t num_kv_heads;

  constexpr int64_t num_rows() const { return row_end - row_begin; }
};

// Neighbouring queries of one sequence.
struct RowTile {
  SequenceRecord sequence;
  int64_t sequence_index;
  int64_t first;  // query of the sequence
  int32_t count;  // 0: there is no such tile
};

// The queries of a pass in tiles of at most `tile_rows`, none of which has queries of two
// sequences. Tile t of sequence s has index floor(f / tile_rows) + s + t, where f queries of the
// pass are in the sequences before s: so nothing has to be counted beforehand. Some indices have no
// tile.
struct RowTiles {
  SequenceTable sequences;
  Pass pass;
  int32_t tile_rows;

  constexpr int64_t num_indices() const { return pass.num_rows() / tile_rows + sequences.size; }

  MOBA_DEVICE RowTile Find(int64_t index) const {
    int64_t low = 0;
    for (int64_t high = sequences.size; high - low > 1;) {
      const int64_t middle = low + (high - low) / 2;
      (FirstIndex(middle) <= index ? low : high) = middle;
    }
    const SequenceRecord sequence = sequences.records[low];
    const int64_t begin = Inside(sequence.row_begin);
    const int64_t end = Inside(sequence.row_begin + sequence.q_len);
    const int64_t first = begin + (index - FirstIndex(low)) * tile_rows;
    const int64_t count = std::clamp<int64_t>(end - first, 0, tile_rows);
    return {sequence, low, first - sequence.row_begin, static_cast<int32_t>(count)};
  }

 private:
  MOBA_DEVICE int64_t Inside(int64_t row) const {
    return std::clamp(row, pass.row_begin, pass.row_end);
  }
  MOBA_DEVICE int64_t FirstIndex(int64_t sequence) const {
    const int64_t before = Inside(sequences.records[sequence].row_begin) - pass.row_begin;
    return before / tile_rows + sequence;
  }
};

}  // namespace moba::cuda
