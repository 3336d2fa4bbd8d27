// What kind of device is emulated.
#pragma once

#include <atomic>
#include <cstdint>

#include "cuda/queue.h"

namespace moba::cuda {

// At first what the environment chooses (MOBA_CUDA_TENSOR_CORES), or none.
extern TensorCores emulated_tensor_cores;
// Products that they have done so far.
inline std::atomic<int64_t> emulated_products = 0;

// Whether somebody wrote beside its memory: then no call will succeed.
extern bool emulated_loss;
Status LostDevice();

// Whether there is a cuDNN. At first, whether the environment has MOBA_EMULATED_CUDNN.
extern bool emulated_cudnn;
// What it has enqueued so far.
extern int64_t emulated_cudnn_runs;

}  // namespace moba::cuda
