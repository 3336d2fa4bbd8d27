// How libmoba reaches a backend in a library of its own, which need not be there: a table of
// functions over plain types. Both libraries are built from the same sources; `version` and the
// sizes tell if they are not.
//
// Functions that can fail write one sentence into `text`. All are thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/plan_shape.h"
#include "core/problem.h"
#include "core/sequence_source.h"

namespace moba::core {

inline constexpr int32_t kDeviceBackendVersion = 1;

enum class DeviceStatus : int32_t { kOk, kInvalidSequences, kFailed };

struct DeviceBackend {
  int32_t version = kDeviceBackendVersion;
  int32_t problem_size = sizeof(Problem);
  int32_t shape_size = sizeof(PlanShape);
  int32_t sequence_size = sizeof(Sequence);

  // Says what device `ordinal` is, or, if it cannot be used, why; returns whether it can.
  bool (*describe)(int32_t ordinal, char* text, size_t size);

  // Device memory that a run of such a plan needs.
  int64_t (*workspace_bytes)(const PlanShape& shape);

  // Enqueues a run on a stream; data pointers of `problem` and the workspace are device memory.
  // Does not wait for it, and allocates nothing.
  DeviceStatus (*run)(int32_t ordinal, const PlanShape& shape, const Problem& problem,
                      const SequenceSource& sequences, void* workspace, void* stream, char* text,
                      size_t size);
};

// The name under which such a library shows its table: const DeviceBackend* ().
inline constexpr char kDeviceBackendSymbol[] = "moba_device_backend";

}  // namespace moba::core
