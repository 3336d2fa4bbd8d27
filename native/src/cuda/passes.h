// How a run is cut into passes, one after the other in the same memory.
#pragma once

#include "core/carver.h"
#include "cuda/block_lists.h"

namespace moba::cuda {

// What partial results and lists may take, where one kv head needs no more: at one million queries
// of 16 heads, K = 8 and D = 128 there is a pass for each head.
inline constexpr int64_t kPassBudget = int64_t{5} << 29;

struct RunSize {
  int64_t rows;  // queries of all sequences
  int64_t num_kv_heads;
  int64_t group_size;  // query heads of a kv head
  int64_t slots;       // most entries of a row
  int64_t num_parts;   // of all sequences
};

// What the memory of a pass holds.
struct PassCapacity {
  int64_t entries;
  int64_t lists;
};

// Rows of a pass are a multiple of this, or all: whole tiles.
inline constexpr int64_t kPassRows = 128;
inline constexpr int64_t kMostEntries = int64_t{1} << 30;  // places in lists are int32

// Whether a run can be cut at all: what is too large for that is left to the portable kernels.
constexpr bool HasPasses(const RunSize& run) {
  return run.group_size <= int64_t{1} << 16 && run.slots <= int64_t{1} << 16 &&
         kPassRows * run.group_size * run.slots <= kMostEntries && run.num_parts <= INT32_MAX;
}

// Enough for the passes of every run that is no larger than `largest` in anything but its slots and
// heads, which are the same. Entries and partial results take at most `budget` bytes, or what
// kPassRows rows of one kv head take. HasPasses(largest).
constexpr PassCapacity CapacityFor(const RunSize& largest, int64_t bytes_per_partial,
                                   int64_t budget) {
  const int64_t row_entries = largest.group_size * largest.slots;
  const int64_t bytes = bytes_per_partial + int64_t{sizeof(ListEntry)};
  const int64_t affordable = std::clamp(budget / bytes, kPassRows * row_entries, kMostEntries);
  return {.entries = std::min(affordable, largest.rows * largest.num_kv_heads * row_entries),
          .lists = std::min<int64_t>(largest.num_kv_heads * largest.num_parts, INT32_MAX)};
}

// All queries of as many kv heads as there is room for; of one kv head, where there is not even
// room for that, as many queries. Shares are even, so that no pass is a small rest.
class Passes {
 public:
  constexpr Passes(const RunSize& run, const PassCapacity& capacity)
      : rows_(run.rows), num_kv_heads_(run.num_kv_heads) {
    const int64_t row_entries = std::max<int64_t>(run.group_size * run.slots, 1);
    const int64_t most_rows = capacity.entries / row_entries;
    const int64_t most_kv_heads = std::min(most_rows / std::max<int64_t>(rows_, 1),
                                           capacity.lists / std::max<int64_t>(run.num_parts, 1));
    pass_kv_heads_ = Share(num_kv_heads_, std::max<int64_t>(most_kv_heads, 1));
    pass_rows_ = rows_ <= most_rows
                     ? rows_
                     : core::RoundUp(Share(rows_, most_rows / kPassRows * kPassRows), kPassRows);
  }

  constexpr int64_t size() const {
    return rows_ == 0 ? 0 : core::CeilDiv(num_kv_heads_, pass_kv_heads_) * RowPasses();
  }

  constexpr Pass operator[](int64_t index) const {
    const int64_t row = index % RowPasses() * pass_rows_;
    const int64_t kv_head = index / RowPasses() * pass_kv_heads_;
    return {.row_begin = row,
            .row_end = std::min(row + pass_rows_, rows_),
            .kv_head_begin = kv_head,
            .num_kv_heads = std::min(pass_kv_heads_, num_kv_heads_ - kv_head)};
  }

 private:
  constexpr int64_t RowPasses() const { return core::CeilDiv(rows_, pass_rows_); }

  static constexpr int64_t Share(int64_t total, int64_t most) {
    return core::CeilDiv(total, core::CeilDiv(total, most));
  }

  int64_t rows_;
  int64_t num_kv_heads_;
  int64_t pass_rows_;
  int64_t pass_kv_heads_;
};

}  // namespace moba::cuda
