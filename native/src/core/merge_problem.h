// One validated merge of two partial results as the backends see it.
#pragma once

#include "core/problem.h"

namespace moba::core {

struct MergeProblem {
  DType dtype;  // of o_a, o_b and o; the others are fp32
  InputRows o_a;
  InputRows lse_a;
  InputRows o_b;
  InputRows lse_b;
  OutputRows o;
  OutputRows lse;
  int64_t batch;
  int64_t tokens;
  int64_t heads;
  int64_t channels;
};

}  // namespace moba::core
