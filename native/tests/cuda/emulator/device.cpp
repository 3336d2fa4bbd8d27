// The emulated device, which takes the place of the real ones: a library made of this folder, the
// kernels and their table stands in for libmoba_cuda.so (environment variable MOBA_CUDA_LIBRARY),
// so that tests of the C interface run over it on any machine. Device memory is the processor's.
#include "cuda/runtime.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "device.h"

namespace moba::cuda {

namespace {

TensorCores FromEnvironment() {
  const char* const name = std::getenv("MOBA_EMULATED_TENSOR_CORES");
  if (name == nullptr) return TensorCores::kNone;
  return std::strcmp(name, "hopper") == 0 ? TensorCores::kHopper : TensorCores::kAmpere;
}

}  // namespace

TensorCores emulated_tensor_cores = FromEnvironment();

bool DescribeDevice(int32_t ordinal, char* text, size_t size) {
  std::snprintf(text, size, ordinal == 0 ? "emulation" : "there is one emulated device, 0");
  return ordinal == 0;
}

Status SelectDevice(int32_t /*ordinal*/) { return Status::Ok(); }

int64_t Workers() { return 3; }

TensorCores TensorCoresOfDevice() { return emulated_tensor_cores; }

int64_t Multiprocessors() { return 2; }

}  // namespace moba::cuda
