// A call of moba_merge_states on tensors in guarded memory.
#ifndef MOBA_TESTS_MERGE_H_
#define MOBA_TESTS_MERGE_H_

#include <cstdint>
#include <random>

#include "moba/moba.h"
#include "placement.h"
#include "tensor_memory.h"

namespace moba_test {

// The six tensors of a merge, [T, H, Dv] and [T, H], laid out by `gap`: elements left free after
// each head and token.
struct Merge {
  Merge(int32_t dtype, int64_t tokens, int64_t heads, int64_t dim, int64_t gap = 0,
        Guard guard = Guard::kBehind);

  // Normally distributed partial results.
  void FillInputs(std::mt19937_64& random);

  // Gives the tensors a place on the engine's device; nothing more when they have it.
  void PlaceOn(const moba_engine* engine);
  // Merges what the tensors hold now, and waits until their memory holds the result.
  int32_t Run(const moba_engine* engine);
  // The merge alone, between an upload and a download of `placement`.
  int32_t Enqueue(const moba_engine* engine, void* stream) const;

  TensorMemory o_a, lse_a, o_b, lse_b, o, lse;
  moba_merge_shapes shapes = {};
  Placement placement;
};

}  // namespace moba_test

#endif  // MOBA_TESTS_MERGE_H_
