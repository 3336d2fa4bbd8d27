// What routing may choose from (specification, section 2, rule 3).
#pragma once

#include <algorithm>

#include "core/problem.h"
#include "cuda/sequence_table.h"

namespace moba::cuda {

// Of one query: blocks [first, first + count) compete for `places`, the forced blocks before them
// and [local_begin, visible) are in already.
struct Eligible {
  int32_t visible;  // blocks with a key that the query sees
  int32_t first;
  int32_t count;
  int32_t places;
  int32_t local_begin;

  MOBA_DEVICE Eligible(const core::Options& options, const SequenceRecord& sequence,
                       int64_t query) {
    const int64_t blocks = sequence.NumVisibleBlocks(query, options.causal);
    const int64_t sinks = std::min(options.sink_blocks, blocks);
    const int64_t locals = options.causal ? std::min(options.local_blocks, blocks - sinks) : 0;
    visible = static_cast<int32_t>(blocks);
    first = static_cast<int32_t>(sinks);
    count = static_cast<int32_t>(blocks - sinks - locals);
    places = static_cast<int32_t>(std::min(options.top_k - sinks - locals, blocks));
    local_begin = static_cast<int32_t>(blocks - locals);
  }

  // Whether scores decide. Otherwise all that compete are selected, or none.
  MOBA_DEVICE bool Competes() const { return 0 < places && places < count; }
};

}  // namespace moba::cuda
