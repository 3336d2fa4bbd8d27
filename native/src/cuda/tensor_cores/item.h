// What attention in tiles works on: an item is a range of keys and one or more tiles of queries.
// Which ones, what they see and where results go is the matter of a `Work`: gathered.h, which goes
// from key block to key block, and contiguous.h. It has
//   Element, kHeadDim, kOneTile                    whether no item has more than one tile
//   num_items(), Find(index)                       an Item, which has a KeyRange `range`
//   NumQueries(item, tile), Query(item, tile, row) where a row of a tile lies
//   UnmaskedKeys(item), Visible(item, tile, row)   what rows see
//   Finish<r>(item, tile, row, sum, o)             takes results of a row, the r-th of a thread
#pragma once

#include <cstdint>

#include "cuda/device/thread.h"

namespace moba::cuda {

inline constexpr int kTileQueries = 128;
inline constexpr int kMostTileKeys = 128;  // a multiple of every tile's keys

// A thread has rows `row` and `row` + 8 of a tile; row r of these two sees the keys
// [low[r], high[r]) of the sequence.
struct VisibleKeys {
  int32_t low[2];
  int32_t high[2];
};

// Keys [low, high) are seen by all queries of an item.
struct Unmasked {
  int32_t low;
  int32_t high;

  MOBA_THREAD bool Holds(int32_t first, int32_t end) const { return low <= first && end <= high; }
};

// The keys that the tiles of an item read.
struct KeyRange {
  int64_t batch;
  int64_t token;  // of the sequence's first key
  int64_t kv_head;
  int32_t first;
  int32_t end;
  int32_t query_tiles;  // 0: there is nothing to do

  // Of so many keys.
  template <int kKeys>
  MOBA_THREAD int KeyTiles() const {
    return (end - first + kKeys - 1) / kKeys;
  }
};

}  // namespace moba::cuda
