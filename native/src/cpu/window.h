// One task: a window of consecutive queries of one head (or of a group of heads that route
// together). Key-block-major: the window's selection is turned into a list of rows per block, and
// each packed block is read once for all rows that selected it.
#pragma once

#include "core/control.h"
#include "cpu/plan.h"

namespace moba::cpu {

// Where keys [first, ..) of a block of a sequence lie in a kv head's packed buffers.
struct PackedBlock {
  PackedBlock(const Plan& plan, const PackedBuffers& head, const core::Sequence& sequence,
              int64_t block, int64_t first);

  float* keys;
  float* values;
  uint8_t* values_finite;
};

// Rows of a window that selected a block, ascending.
struct BlockRows {
  int64_t block;
  const int32_t* begin;
  const int32_t* end;
};

class Window {
 public:
  // `packed` belongs to the kv head of the heads that Run is given; `first_row` is a query of the
  // sequence.
  Window(const Plan& plan, const core::Problem& problem, const core::Sequence& sequence,
         const PackedBuffers& packed, const ThreadScratch& scratch, int64_t first_row);

  void Run(int64_t first_head, int64_t num_heads, const core::Control& control) const;
  // Only finds the selection of the heads, which have one in common, and writes it where asked for.
  // It is then in the scratch.
  void Select(int64_t first_head, int64_t num_heads, const core::Control& control) const;
  // The same for a sequence of one query, which each head routes by itself: heads lie side by side,
  // as queries do otherwise, also in the scratch, whose selection must have room for them.
  void SelectForEach(int64_t first_head, int64_t num_heads, const core::Control& control) const;

 private:
  QueryRows Queries(int64_t head) const;
  // `query` are rows of one head, of the first of heads that have one selection in common, or the
  // heads of one query.
  void Route(QueryRows query, int64_t num_rows, int64_t num_heads,
             const core::Control& control) const;
  void ReadSelection(int64_t head) const;
  void WriteSelection(int64_t head, int64_t row, const int32_t* selected) const;
  void Attend(int64_t head, const core::Control& control) const;
  // Rows of a block that see keys from `key` on; all, where everything is visible.
  BlockRows Seeing(BlockRows rows, int64_t key) const;
  // `next` is visited after it; without rows: nothing.
  void VisitBlock(ChunkVisit& visit, const BlockRows& block, const BlockRows& next,
                  const core::Control& control) const;
  bool SeesKeys(int64_t row) const;
  void Finish(int64_t head) const;

  const Plan& plan_;
  const core::Problem& problem_;
  const core::Sequence& sequence_;
  const PackedBuffers packed_;
  ThreadScratch scratch_;
  const int64_t first_row_;
  const int64_t num_rows_;
  const int64_t width_;  // blocks per row in scratch_.selected
};

}  // namespace moba::cpu
