// Selection turned round: from the blocks of each row to the rows of each block (counting sort).
#pragma once

#include <algorithm>
#include <cstdint>

namespace moba::core {

// Rows of one query window, grouped by the key block they selected. All arrays are caller's memory.
struct BlockLists {
  int64_t*
      begin;      // [num_blocks + 2]; after Build, rows of block b are rows[begin[b], begin[b + 1])
  int32_t* rows;  // ascending within a block

  // `selected` holds `width` ascending block indices per row, -1 at the end.
  void Build(const int32_t* selected, int64_t num_rows, int64_t width, int64_t num_blocks) {
    // Counts are kept two places further on, so that placing the rows leaves each block's begin.
    std::fill(begin, begin + num_blocks + 2, 0);
    for (int64_t i = 0; i < num_rows * width; ++i) {
      if (selected[i] >= 0) ++begin[int64_t{selected[i]} + 2];
    }
    for (int64_t b = 2; b < num_blocks + 2; ++b) begin[b] += begin[b - 1];
    for (int64_t row = 0; row < num_rows; ++row) {
      const int32_t* blocks = selected + row * width;
      for (int64_t c = 0; c < width && blocks[c] >= 0; ++c) {
        rows[begin[int64_t{blocks[c]} + 1]++] = static_cast<int32_t>(row);
      }
    }
  }

  // The first block from `block` on that some row selected, or num_blocks.
  int64_t FirstChosen(int64_t block, int64_t num_blocks) const {
    while (block < num_blocks && begin[block] == begin[block + 1]) ++block;
    return block;
  }
};

}  // namespace moba::core
