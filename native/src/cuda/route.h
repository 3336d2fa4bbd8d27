// Routing: which blocks a query attends to (specification, section 2).
#pragma once

#include "core/problem.h"
#include "cuda/sequence_table.h"

namespace moba::cuda {

// What is routed, by whichever kernel.
struct RouteRows {
  core::DType dtype;
  core::Options options;
  core::InputRows q;
  core::OutputRows selected;  // [.., token, head][width], int32
  int64_t width;
  int64_t num_heads;
  int64_t num_kv_heads;
  int64_t head_dim;
  SequenceTable sequences;
};

struct RouteArguments : RouteRows {
  int64_t num_rows;       // queries of all sequences
  const void* centroids;  // [kv head][centroid][channel], elements of `dtype`
  int64_t num_centroids;
  float* scores;  // [worker][most_blocks]; not used by sequences that are dense
  int64_t most_blocks;
};

Status LaunchRoute(const Queue& queue, const RouteArguments& arguments);

}  // namespace moba::cuda
