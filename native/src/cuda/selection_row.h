// One row of a selection, and the rules that it follows (specification, section 2): ascending
// blocks that the query sees, then -1.
//
// The row may be the caller's memory, who may write to it meanwhile. Then what is read means
// nothing, but each reading gives one value, so that what was checked is what is used.
#pragma once

#include "core/problem.h"
#include "cuda/block.h"
#include "cuda/sequence_table.h"

namespace moba::cuda {

struct SelectionRow {
  const int32_t* blocks;
  int64_t stride;
  int64_t width;

  MOBA_DEVICE int32_t operator[](int64_t place) const {
    int32_t block = blocks[place * stride];
    asm volatile("" : "+r"(block));  // the compiler must not read it again
    return block;
  }

  // Whether what is at `place` follows the rules, where the query sees `num_visible` blocks. A row
  // is a selection if all its places do.
  MOBA_DEVICE bool FollowsRules(int64_t place, int64_t num_visible) const {
    return Follows((*this)[place], place == 0 ? kBegin : (*this)[place - 1], num_visible);
  }

  // The number of blocks, or 0 if the row is no selection.
  MOBA_DEVICE int64_t Count(int64_t num_visible) const {
    int64_t count = 0;
    int32_t before = kBegin;
    for (int64_t place = 0; place < width; ++place) {
      const int32_t block = (*this)[place];
      if (!Follows(block, before, num_visible)) return 0;
      count += block != -1;
      before = block;
    }
    return count;
  }

 private:
  // Before the first place. What is below does not follow it.
  static constexpr int32_t kBegin = -2;

  MOBA_DEVICE static bool Follows(int32_t block, int32_t before, int64_t num_visible) {
    return block == -1 || (before != -1 && before < block && block < num_visible);
  }
};

MOBA_DEVICE SelectionRow SelectionRowOf(const core::InputRows& rows, int64_t batch, int64_t token,
                                        int64_t head, int64_t width) {
  return {reinterpret_cast<const int32_t*>(rows.Row(batch, token, head)), rows.channel_stride,
          width};
}

// What a query attends to, part by part, in ascending order.
struct SelectedParts {
  SelectionRow blocks;  // not read of a dense sequence
  int32_t parts;        // of each block; of a dense sequence: 0
  // Parts before are seen as a whole. The one that a causal query is in, and the last one of a
  // dense sequence, are not among them: queries that follow one another read them together, with a
  // mask.
  int32_t end_of_whole;

  MOBA_DEVICE SelectedParts(const SelectionRow& row, const SequenceRecord& sequence, int64_t query,
                            bool causal)
      : blocks(row), parts(sequence.dense != 0 ? 0 : sequence.parts), end_of_whole(0) {
    const int64_t last_key = sequence.LastVisibleKey(query, causal);
    const bool with_mask = causal || sequence.dense != 0;
    if (last_key >= 0) end_of_whole = sequence.PartOf(last_key) + (with_mask ? 0 : 1);
  }

  // The part in a slot, or -1 if there is none that is seen as a whole.
  MOBA_DEVICE int32_t operator[](int32_t slot) const {
    int64_t part = slot;
    if (parts != 0) {
      const int32_t place =
          static_cast<int32_t>(static_cast<uint32_t>(slot) / static_cast<uint32_t>(parts));
      const int32_t block = blocks[place];
      part = block < 0 ? -1 : int64_t{block} * parts + (slot - place * parts);
    }
    return part < end_of_whole ? static_cast<int32_t>(part) : -1;
  }

  // Slots of `num_blocks` selected blocks.
  MOBA_DEVICE int64_t NumSlots(int64_t num_blocks) const {
    return parts == 0 ? end_of_whole : num_blocks * parts;
  }
};

}  // namespace moba::cuda
