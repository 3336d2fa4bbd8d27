// Memory of the device, and page-locked memory of the processor.
#include "cuda/runtime.h"
#include "cuda/runtime_error.h"

namespace moba::cuda {

Status AllocateMemory(core::MemoryKind kind, int64_t bytes, void** address) {
  const auto size = static_cast<size_t>(bytes);
  void* memory = nullptr;
  const Status status = FromRuntime(kind == core::MemoryKind::kDevice
                                        ? cudaMalloc(&memory, size)
                                        : cudaHostAlloc(&memory, size, cudaHostAllocPortable));
  if (status.ok()) *address = memory;
  return status;
}

Status FreeMemory(core::MemoryKind kind, void* address) {
  return FromRuntime(kind == core::MemoryKind::kDevice ? cudaFree(address) : cudaFreeHost(address));
}

Status DescribeMemory(int64_t* free_bytes, int64_t* total_bytes) {
  size_t free = 0;
  size_t total = 0;
  const Status status = FromRuntime(cudaMemGetInfo(&free, &total));
  if (!status.ok()) return status;
  *free_bytes = static_cast<int64_t>(free);
  *total_bytes = static_cast<int64_t>(total);
  return status;
}

Status CopyMemory(void* target, const void* source, int64_t bytes, void* stream) {
  return FromRuntime(cudaMemcpyAsync(target, source, static_cast<size_t>(bytes), cudaMemcpyDefault,
                                     static_cast<cudaStream_t>(stream)));
}

}  // namespace moba::cuda
