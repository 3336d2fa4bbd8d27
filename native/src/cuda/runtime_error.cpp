#include "cuda/runtime_error.h"

namespace moba::cuda {
namespace {

// The errors of which the runtime's documentation says that the process has to be started again.
bool Sticky(cudaError_t error) {
  switch (error) {
    case cudaErrorContained:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
      return true;
    default:
      return false;
  }
}

}  // namespace

Status FromRuntime(cudaError_t error) {
  if (error == cudaSuccess) return Status::Ok();
  static_cast<void>(cudaGetLastError());
  return {.code = error == cudaErrorMemoryAllocation ? Status::Code::kOutOfMemory
                                                     : Status::Code::kDeviceError,
          .name = cudaGetErrorName(error),
          .text = cudaGetErrorString(error),
          .sticky = Sticky(error)};
}

}  // namespace moba::cuda
