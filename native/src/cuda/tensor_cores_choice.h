// Which tensor cores kernels are made for: the device's, or fewer, where the environment variable
// MOBA_CUDA_TENSOR_CORES is `hopper`, `ampere` or `none`. It is for tests, and read once.
#pragma once

#include <string>

#include "cuda/queue.h"

namespace moba::cuda {

struct TensorCoresChoice {
  TensorCores tensor_cores;
  std::string fault;  // why it cannot be had; empty if it can
};

// On a device that has these; `name`: null where nothing was chosen.
TensorCoresChoice ChooseTensorCores(TensorCores of_device, const char* name);

// The environment's choice; null if there is none.
const char* ChosenTensorCores();

}  // namespace moba::cuda
