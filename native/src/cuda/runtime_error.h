// Errors of the CUDA runtime as a Status.
#pragma once

#include <cuda_runtime_api.h>

#include "cuda/queue.h"

namespace moba::cuda {

// Also takes the error back from where the runtime remembers it: it has been told.
Status FromRuntime(cudaError_t error);

}  // namespace moba::cuda
