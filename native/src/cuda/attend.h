// Attention to the selected blocks (specification, section 3).
#pragma once

#include "core/problem.h"
#include "cuda/sequence_table.h"

namespace moba::cuda {

// The accumulators of tensor cores truncate, and a sum drifts with every 16 keys that are added:
// by 2^-24 of it on average, 2^13 times. Longer ones are cut into parts.
inline constexpr int64_t kLongestSum = int64_t{1} << 17;

struct AttendArguments {
  core::DType dtype;
  bool causal;
  float score_scale;  // log2(e) included
  core::InputRows q;
  core::InputRows k;
  core::InputRows v;
  core::OutputRows o;
  core::OutputRows lse;      // optional
  core::InputRows selected;  // [.., token, head][width], int32; not read of dense sequences
  int64_t width;
  int64_t num_heads;
  int64_t num_kv_heads;
  int64_t head_dim;
  int64_t head_dim_v;
  SequenceTable sequences;
  int64_t num_rows;  // queries of all sequences
};

// A row whose selection is none (blocks that do not ascend, are out of range or not visible, or
// come after a -1) becomes NaN.
Status LaunchAttend(const Queue& queue, const AttendArguments& arguments);

// The same for the rows of a list alone, head * num_rows + row each, that earlier kernels leave on
// the device: min(*count, capacity) of them.
Status LaunchAttendRows(const Queue& queue, const AttendArguments& arguments, const int64_t* rows,
                        const int32_t* count, int64_t capacity);

}  // namespace moba::cuda
