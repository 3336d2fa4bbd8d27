// The axes of a tensor.
#pragma once

#include <cstdint>

namespace moba::cuda {

struct TensorExtent {
  int64_t batches;
  int64_t tokens;
  int64_t heads;
  int64_t channels;
};

}  // namespace moba::cuda
