// The CUDA devices of this machine.
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include "cuda/table.h"

namespace moba::cuda {
namespace {

// Oldest compute capability that this library holds code for.
constexpr int kLeastMajor = 8;

const char* ErrorText(cudaError_t error) {
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

struct CudaDevice {
  static constexpr int64_t kWorkers = 1056;  // eight for each of Hopper's 132 multiprocessors

  static bool Describe(int32_t ordinal, char* text, size_t size) {
    if (!HasDriver()) {
      std::snprintf(text, size, "there is no NVIDIA driver: libcuda.so.1 was not found");
      return false;
    }
    int count = 0;
    if (const char* error = ErrorText(cudaGetDeviceCount(&count))) {
      std::snprintf(text, size, "no CUDA device can be used: %s", error);
      return false;
    }
    if (ordinal < 0 || ordinal >= count) {
      std::snprintf(text, size, "CUDA device %d is not there, expected 0 to %d", ordinal,
                    count - 1);
      return false;
    }
    cudaDeviceProp device;
    if (const char* error = ErrorText(cudaGetDeviceProperties(&device, ordinal))) {
      std::snprintf(text, size, "CUDA device %d does not answer: %s", ordinal, error);
      return false;
    }
    const bool usable = device.major >= kLeastMajor;
    std::snprintf(text, size, "%s, compute capability %d.%d%s", device.name, device.major,
                  device.minor, usable ? "" : ", expected at least 8.0");
    return usable;
  }

  static const char* Select(int32_t ordinal) { return ErrorText(cudaSetDevice(ordinal)); }

 private:
  // Without a driver the runtime would only say that the driver is too old.
  static bool HasDriver() {
    void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    return driver != nullptr && dlclose(driver) == 0;
  }
};

constexpr core::DeviceBackend kTable = Table<CudaDevice>();

}  // namespace
}  // namespace moba::cuda

extern "C" __attribute__((visibility("default"))) const moba::core::DeviceBackend*
moba_device_backend() {
  return &moba::cuda::kTable;
}
