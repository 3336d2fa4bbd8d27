// The emulated device, which takes the place of the real ones: a library made of this folder, the
// kernels and their table stands in for libmoba_cuda.so (environment variable MOBA_CUDA_LIBRARY),
// so that tests of the C interface run over it on any machine. Device memory is the processor's.
#include "cuda/runtime.h"

#include <cstdio>

#include "cuda/tensor_cores_choice.h"
#include "device.h"

namespace moba::cuda {

TensorCores emulated_tensor_cores =
    ChosenTensorCores() == nullptr
        ? TensorCores::kNone
        : ChooseTensorCores(TensorCores::kHopper, ChosenTensorCores()).tensor_cores;

bool DescribeDevice(int32_t ordinal, char* text, size_t size) {
  const std::string fault = ChooseTensorCores(TensorCores::kHopper, ChosenTensorCores()).fault;
  std::snprintf(text, size, "%s",
                ordinal != 0     ? "there is one emulated device, 0"
                : !fault.empty() ? fault.c_str()
                : emulated_cudnn ? "emulation, with cuDNN"
                                 : "emulation");
  return ordinal == 0 && fault.empty();
}

bool emulated_loss = false;

Status LostDevice() {
  return {.code = Status::Code::kDeviceError,
          .name = "cudaErrorIllegalAddress",
          .text = "an illegal memory access was encountered",
          .sticky = true};
}

Status SelectDevice(int32_t /*ordinal*/) { return emulated_loss ? LostDevice() : Status::Ok(); }

int64_t Workers() { return 3; }

TensorCores TensorCoresOfDevice() { return emulated_tensor_cores; }

int64_t Multiprocessors() { return 2; }

}  // namespace moba::cuda
