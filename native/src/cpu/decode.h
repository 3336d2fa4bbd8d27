// Attention of sequences with few queries, as in decoding. The keys of each kv head are cut into
// parts; a task reads one part, where it lies, for all query rows of that head, or of some heads
// that lie side by side: memory is read fastest in the order in which it lies. Every row has a
// state in each part, and at the end these are added up in the order of the parts. Where the cuts
// are depends on the lengths and the block size of the sequence alone.
#pragma once

#include "cpu/plan.h"

namespace moba::cpu {

class Decoder {
 public:
  Decoder(const Plan& plan, const core::Problem& problem, const DecodeBuffers& buffers)
      : plan_(plan), problem_(problem), buffers_(buffers) {}

  // Whether the sequence, whose block size is known, is attended to in this way.
  static bool Takes(const core::Problem& problem, const core::Sequence& sequence);
  static int64_t NumParts(const core::Sequence& sequence);
  // Kv heads that one task attends to, if `most_tasks` are those of the run for single heads.
  static int64_t SideHeads(const core::Problem& problem, const core::Sequence& sequence,
                           int64_t most_tasks, int64_t num_threads);
  static int64_t NumTasks(const core::Problem& problem, const core::Sequence& sequence);

  // The selection [query][width] of a head, or of the group that begins with it and routes
  // together.
  int32_t* Selection(const core::Sequence& sequence, int64_t head) const;
  void Attend(const core::Sequence& sequence, int64_t task, const ThreadScratch& scratch) const;
  // Once all tasks are done.
  void Finish(const core::Sequence& sequence, int64_t kv_head, const ThreadScratch& scratch) const;

 private:
  // Rows of a kv head: query by query, the heads of the group side by side.
  int64_t NumRows(const core::Sequence& sequence) const {
    return sequence.q_len * problem_.GroupSize();
  }
  int64_t Head(int64_t kv_head, int64_t row) const {
    return kv_head * problem_.GroupSize() + row % problem_.GroupSize();
  }
  int64_t Token(const core::Sequence& sequence, int64_t row) const {
    return sequence.q_begin + row / problem_.GroupSize();
  }
  RowState State(const core::Sequence& sequence, int64_t part, int64_t kv_head) const;
  // The blocks that a row selected; not of a sequence that is attended to in full.
  const int32_t* Choice(const core::Sequence& sequence, int64_t kv_head, int64_t row) const;
  // Whether the visit is of any rows and keys; if so, it is prepared for keys [begin, end).
  bool Prepare(DecodeVisit& visit, const core::Sequence& sequence, int64_t kv_head, int64_t begin,
               int64_t end) const;

  const Plan& plan_;
  const core::Problem& problem_;
  const DecodeBuffers buffers_;
};

}  // namespace moba::cpu
