// The cases of moba_bench: the shapes that the project's targets name.
#ifndef MOBA_BENCH_CASES_H_
#define MOBA_BENCH_CASES_H_

#include <vector>

#include "workload.h"

namespace moba_bench {

struct Case {
  Shape shape;
  bool route = false;  // routing alone

  // One query against a long row of keys: judged by the bytes it reads.
  bool Decode() const { return shape.queries > 0; }
};

// Names: what is computed (dense: causal; full: not causal; moba; route; decode), tokens, blocks,
// and what differs from one head of 128 channels.
std::vector<Case> Cases();

}  // namespace moba_bench

#endif  // MOBA_BENCH_CASES_H_
