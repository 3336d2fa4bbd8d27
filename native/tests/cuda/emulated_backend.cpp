// The CUDA backend with its kernels emulated on the processor: a library that takes the place of
// libmoba_cuda.so (environment variable MOBA_CUDA_LIBRARY), so that the tests of the C interface
// run over it on any machine. Device memory is the processor's.
#include "cuda/table.h"

namespace moba::cuda {
namespace {

struct EmulatedDevice {
  static bool Describe(int32_t ordinal, char* text, size_t size) {
    std::snprintf(text, size, ordinal == 0 ? "emulation" : "there is one emulated device, 0");
    return ordinal == 0;
  }
  static const char* Select(int32_t /*ordinal*/) { return nullptr; }
  static constexpr int64_t kWorkers = 3;
};

constexpr core::DeviceBackend kTable = Table<EmulatedDevice>();

}  // namespace
}  // namespace moba::cuda

extern "C" __attribute__((visibility("default"))) const moba::core::DeviceBackend*
moba_device_backend() {
  return &moba::cuda::kTable;
}
