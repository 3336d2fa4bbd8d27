// Attention on tensor cores: which runs it takes, and its two kernels.
#pragma once

#include "cuda/attend.h"
#include "cuda/block_lists.h"
#include "cuda/tensor_cores/partial_memory.h"
#include "cuda/tensor_extent.h"

namespace moba::cuda {

struct TileAttendArguments {
  AttendArguments rows;
  TensorExtent keys;  // of the axes that k and v share
  Pass pass;
  int64_t slots;           // most parts that a valid row selects
  BlockLists lists;        // of a pass that is not all dense, or cut
  PartialMemory partials;  // [query of the pass][head of the pass][slot]
  int64_t* again;          // rows with a NaN, to be computed by LaunchAttendRows
  int32_t* num_again;
};

// Whether there are kernels for such elements.
bool HasInstance(core::DType dtype, int64_t head_dim, int64_t head_dim_v);

// Whether they reach such tensors. `keys` as above.
bool CanAttend(TensorCores tensor_cores, const AttendArguments& arguments,
               const TensorExtent& keys);

// Partial results of all entries of the lists.
Status LaunchGathered(const Queue& queue, const TileAttendArguments& arguments);

// Own blocks, or all keys of sequences that are dense; merges partial results and writes outputs.
Status LaunchContiguous(const Queue& queue, const TileAttendArguments& arguments);

}  // namespace moba::cuda
