// Where a run on a device gets its sequences from: it asks for them one by one, so nobody need hold
// them in a table. They lie in the caller's memory, which may change meanwhile, so each is
// validated when it is read.
#pragma once

#include "core/problem.h"

namespace moba::core {

// Gives sequence `index` of a run, in order. False: what is there is not valid, and the run ends.
struct SequenceSource {
  bool (*next)(void* state, int64_t index, Sequence* result);
  void* state;
};

}  // namespace moba::core
