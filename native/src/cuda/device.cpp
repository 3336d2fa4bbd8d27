// The CUDA devices of this machine.
#include "cuda/runtime.h"

#include <dlfcn.h>

#include <cstdio>

#include "cuda/ampere/tile.h"
#include "cuda/cudnn/graph.h"
#include "cuda/runtime_error.h"

namespace moba::cuda {
namespace {

// Oldest compute capability that this library holds code for.
constexpr int kLeastMajor = 8;

// Without a driver the runtime would only say that the driver is too old.
bool HasDriver() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  return driver != nullptr && dlclose(driver) == 0;
}

// Of the selected device; 0 if it does not answer.
int Attribute(cudaDeviceAttr attribute) {
  int device = 0;
  int value = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return 0;
  return cudaDeviceGetAttribute(&value, attribute, device) == cudaSuccess ? value : 0;
}

}  // namespace

bool DescribeDevice(int32_t ordinal, char* text, size_t size) {
  if (!HasDriver()) {
    std::snprintf(text, size,
                  "there is no NVIDIA driver: libcuda.so.1 was not found; install it, or start the "
                  "container with its GPU");
    return false;
  }
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (const Status status = FromRuntime(error); !status.ok()) {
    std::snprintf(text, size, "no CUDA device can be used: %s%s", status.text,
                  error == cudaErrorInsufficientDriver ? "; install a newer driver" : "");
    return false;
  }
  if (ordinal < 0 || ordinal >= count) {
    std::snprintf(text, size, "CUDA device %d is not there, expected 0 to %d", ordinal, count - 1);
    return false;
  }
  cudaDeviceProp device;
  if (const Status status = FromRuntime(cudaGetDeviceProperties(&device, ordinal)); !status.ok()) {
    std::snprintf(text, size, "CUDA device %d does not answer: %s", ordinal, status.text);
    return false;
  }
  const bool usable = device.major >= kLeastMajor;
  char full_attention[96] = "expected at least 8.0";
  if (usable) cudnn::DescribeLibrary(full_attention, sizeof full_attention);
  std::snprintf(text, size, "%s, compute capability %d.%d, %s", device.name, device.major,
                device.minor, full_attention);
  return usable;
}

Status SelectDevice(int32_t ordinal) { return FromRuntime(cudaSetDevice(ordinal)); }

int64_t Workers() { return 132 * kWorkersPerMultiprocessor; }  // Hopper has 132 multiprocessors

TensorCores TensorCoresOfDevice() {
  const bool hopper = Attribute(cudaDevAttrComputeCapabilityMajor) == 9 &&
                      Attribute(cudaDevAttrComputeCapabilityMinor) == 0;
  if (hopper) return TensorCores::kHopper;
  const bool has_memory =
      Attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) >= ampere::kMostSharedBytes;
  return has_memory ? TensorCores::kAmpere : TensorCores::kNone;
}

int64_t Multiprocessors() { return Attribute(cudaDevAttrMultiProcessorCount); }

}  // namespace moba::cuda
