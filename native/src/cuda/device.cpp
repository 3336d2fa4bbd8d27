// The CUDA devices of this machine.
#include "cuda/runtime.h"

#include <dlfcn.h>

#include <cstdio>

#include "cuda/ampere/tile.h"
#include "cuda/cudnn/graph.h"
#include "cuda/runtime_error.h"
#include "cuda/tensor_cores_choice.h"

namespace moba::cuda {
namespace {

// Oldest compute capability that this library holds code for.
constexpr int kLeastMajor = 8;

// Without a driver the runtime would only say that the driver is too old.
bool HasDriver() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  return driver != nullptr && dlclose(driver) == 0;
}

// 0 if the device does not answer.
int Attribute(int device, cudaDeviceAttr attribute) {
  int value = 0;
  return cudaDeviceGetAttribute(&value, attribute, device) == cudaSuccess ? value : 0;
}

int SelectedDevice() {
  int device = 0;
  return cudaGetDevice(&device) == cudaSuccess ? device : -1;
}

TensorCoresChoice ChoiceOn(int device) {
  const auto own = [&] {
    const bool hopper = Attribute(device, cudaDevAttrComputeCapabilityMajor) == 9 &&
                        Attribute(device, cudaDevAttrComputeCapabilityMinor) == 0;
    if (hopper) return TensorCores::kHopper;
    const bool has_memory =
        Attribute(device, cudaDevAttrMaxSharedMemoryPerBlockOptin) >= ampere::kMostSharedBytes;
    return has_memory ? TensorCores::kAmpere : TensorCores::kNone;
  };
  return ChooseTensorCores(own(), ChosenTensorCores());
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
  const TensorCoresChoice choice = ChoiceOn(ordinal);
  if (usable && !choice.fault.empty()) {
    std::snprintf(text, size, "%s", choice.fault.c_str());
    return false;
  }
  const char* const name = ChosenTensorCores();
  const std::string chosen =
      name == nullptr ? "" : std::string("tensor cores chosen: ") + name + ", ";
  char full_attention[96] = "expected at least 8.0";
  if (usable) cudnn::DescribeLibrary(full_attention, sizeof full_attention);
  std::snprintf(text, size, "%s, compute capability %d.%d, %s%s", device.name, device.major,
                device.minor, chosen.c_str(), full_attention);
  return usable;
}

Status SelectDevice(int32_t ordinal) { return FromRuntime(cudaSetDevice(ordinal)); }

int64_t Workers() { return 132 * kWorkersPerMultiprocessor; }  // Hopper has 132 multiprocessors

TensorCores TensorCoresOfDevice() { return ChoiceOn(SelectedDevice()).tensor_cores; }

int64_t Multiprocessors() { return Attribute(SelectedDevice(), cudaDevAttrMultiProcessorCount); }

}  // namespace moba::cuda
