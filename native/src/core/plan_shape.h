// What a plan is made from: everything that stays the same from run to run, and the largest sizes a
// run may have. Validated.
#pragma once

#include <cstdint>

#include "core/problem.h"

namespace moba::core {

struct PlanShape {
  DType dtype;
  int64_t num_heads;
  int64_t num_kv_heads;
  int64_t head_dim;
  int64_t head_dim_v;
  int64_t max_tokens_q;
  int64_t max_tokens_k;
  int64_t max_sequences;
  int64_t max_selected;
  int64_t block_size;  // 0: full attention
  Options options;
};

}  // namespace moba::core
