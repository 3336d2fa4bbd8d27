// The table that libmoba loads, around a run on some device: what differs between devices, real or
// emulated, is how they are described and how many blocks a grid has.
#pragma once

#include <cstdio>

#include "core/device_backend.h"
#include "cuda/run.h"

namespace moba::cuda {

// `Device` has static functions: Describe as in core::DeviceBackend; Select(ordinal), which makes
// it the one that launches go to and returns an error text or nullptr; and kWorkers, the most
// blocks of a grid: a constant, so that the workspace of a plan fits every run of it.
template <class Device>
constexpr core::DeviceBackend Table() {
  core::DeviceBackend table;
  table.describe = &Device::Describe;
  table.workspace_bytes = [](const core::PlanShape& shape) {
    return WorkspaceBytes(shape, Device::kWorkers);
  };
  table.run = [](int32_t ordinal, const core::PlanShape& shape, const core::Problem& problem,
                 const core::SequenceSource& sequences, void* workspace, void* stream, char* text,
                 size_t size) {
    const char* error = Device::Select(ordinal);
    if (error == nullptr) {
      const Queue queue = {stream, Device::kWorkers};
      const Status status = Run(shape, problem, sequences, workspace, queue);
      if (status.ok()) return core::DeviceStatus::kOk;
      if (status.code == Status::Code::kNoSequence) return core::DeviceStatus::kInvalidSequences;
      error = status.text;
    }
    std::snprintf(text, size, "CUDA device %d: %s", ordinal, error);
    return core::DeviceStatus::kFailed;
  };
  return table;
}

}  // namespace moba::cuda
