// What kind of device is emulated.
#pragma once

#include <cstdint>

namespace moba::cuda {

// Whether it runs kernels for Hopper. At first, whether the environment has MOBA_EMULATED_HOPPER.
extern bool emulated_hopper;

// Whether there is a cuDNN. At first, whether the environment has MOBA_EMULATED_CUDNN.
extern bool emulated_cudnn;
// What it has enqueued so far.
extern int64_t emulated_cudnn_runs;

}  // namespace moba::cuda
