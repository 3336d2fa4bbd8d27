// The CUDA backend, loaded on first use from a library beside this one.
#pragma once

#include <string>

#include "core/device_backend.h"

namespace moba::api {

struct CudaLibrary {
  const core::DeviceBackend* backend = nullptr;
  std::string absence;  // why there is none
};

// Loads libmoba_cuda.so unless that was tried before: the file that the environment variable
// MOBA_CUDA_LIBRARY names, otherwise the one in this library's folder.
const CudaLibrary& Cuda();

}  // namespace moba::api
