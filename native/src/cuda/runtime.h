// What the backend asks of its device: the functions of core::DeviceBackend, on the device that was
// selected last on the calling thread. The files of this folder ask the CUDA runtime; the tests
// have others in their place, which emulate it (native/tests/cuda/emulator).
#pragma once

#include <cstddef>

#include "core/device_backend.h"
#include "cuda/queue.h"

namespace moba::cuda {

bool DescribeDevice(int32_t ordinal, char* text, size_t size);
Status SelectDevice(int32_t ordinal);
// Most blocks of a grid: the same for all devices, so that the workspace of a plan fits every run.
int64_t Workers();
TensorCores TensorCoresOfDevice();
int64_t Multiprocessors();

Status AllocateMemory(core::MemoryKind kind, int64_t bytes, void** address);
Status FreeMemory(core::MemoryKind kind, void* address);
Status DescribeMemory(int64_t* free_bytes, int64_t* total_bytes);
Status CopyMemory(void* target, const void* source, int64_t bytes, void* stream);

Status CreateStream(void** stream);
Status DestroyStream(void* stream);
Status SynchronizeStream(void* stream);
Status QueryStream(void* stream, int32_t* done);
Status WaitForEvent(void* stream, void* event);

Status CreateEvent(void** event);
Status DestroyEvent(void* event);
Status RecordEvent(void* event, void* stream);
Status SynchronizeEvent(void* event);
Status QueryEvent(void* event, int32_t* done);
Status ElapsedBetween(void* start, void* end, float* milliseconds);

Status BeginGraph(void* stream);
Status EndGraph(void* stream, void** graph);
Status LaunchGraph(void* graph, void* stream);
Status DestroyGraph(void* graph);

}  // namespace moba::cuda
