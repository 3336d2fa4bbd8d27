// Where a run on a GPU gets its sequences from: the host asks for them one by one, so the caller
// need not hold them in a table.
#pragma once

#include "core/problem.h"

namespace moba::cuda {

// Gives sequence `index` of a run. False: there is none to be had, and the run ends.
struct SequenceSource {
  bool (*next)(void* state, int64_t index, core::Sequence* result);
  void* state;
};

}  // namespace moba::cuda
