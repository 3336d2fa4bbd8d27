// Block centroids (specification, section 2, rule 1).
#pragma once

#include "core/problem.h"
#include "cuda/sequence_table.h"

namespace moba::cuda {

struct CentroidArguments {
  core::DType dtype;
  core::InputRows k;
  int64_t head_dim;
  int64_t num_kv_heads;
  SequenceTable sequences;
  int64_t num_centroids;  // of one kv head
  void* centroids;        // [kv head][centroid][channel], elements of `dtype`
};

Status LaunchCentroids(const Queue& queue, const CentroidArguments& arguments);

}  // namespace moba::cuda
