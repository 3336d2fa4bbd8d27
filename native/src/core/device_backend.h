// How libmoba reaches a backend in a library of its own, which need not be there: a table of
// functions over plain types. Both libraries are built from the same sources; `version` and the
// sizes tell if they are not.
//
// All functions are thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/merge_problem.h"
#include "core/plan_shape.h"
#include "core/problem.h"
#include "core/sequence_source.h"

namespace moba::core {

inline constexpr int32_t kDeviceBackendVersion = 4;

enum class DeviceStatus : int32_t { kOk, kInvalidSequences, kOutOfMemory, kFailed };

// How a call ended, and one sentence about a failure.
struct DeviceResult {
  DeviceStatus status = DeviceStatus::kOk;
  char text[256] = "";
};

enum class MemoryKind : int32_t { kDevice = 1, kPinned = 2 };

// The functions do what those of moba.h do that are named alike; arguments are valid, and results
// are set on kOk only.
struct DeviceBackend {
  int32_t version = kDeviceBackendVersion;
  int32_t problem_size = sizeof(Problem);
  int32_t shape_size = sizeof(PlanShape);
  int32_t sequence_size = sizeof(Sequence);
  int32_t merge_size = sizeof(MergeProblem);

  // Says what device `ordinal` is, or, if it cannot be used, why; returns whether it can.
  bool (*describe)(int32_t ordinal, char* text, size_t size);

  // Prepares runs of such a shape, and says what device memory each of them needs and which kernels
  // serve them.
  DeviceResult (*plan_create)(int32_t ordinal, const PlanShape& shape, void** plan,
                              int64_t* workspace_bytes, char* kernels, size_t size);
  DeviceResult (*plan_destroy)(int32_t ordinal, void* plan);

  // Enqueues a run on a stream; data pointers of `problem` and the workspace are device memory.
  // Does not wait for it, and allocates nothing. kInvalidSequences: `sequences` gave up.
  DeviceResult (*run)(int32_t ordinal, const void* plan, const Problem& problem,
                      const SequenceSource& sequences, void* workspace, void* stream);

  // Enqueues a merge in the same way.
  DeviceResult (*merge)(int32_t ordinal, const MergeProblem& problem, void* stream);

  DeviceResult (*memory_allocate)(int32_t ordinal, MemoryKind kind, int64_t bytes, void** address);
  DeviceResult (*memory_free)(int32_t ordinal, MemoryKind kind, void* address);
  DeviceResult (*memory_info)(int32_t ordinal, int64_t* free_bytes, int64_t* total_bytes);
  DeviceResult (*memory_copy)(int32_t ordinal, void* target, const void* source, int64_t bytes,
                              void* stream);

  DeviceResult (*stream_create)(int32_t ordinal, void** stream);
  DeviceResult (*stream_destroy)(int32_t ordinal, void* stream);
  DeviceResult (*stream_synchronize)(int32_t ordinal, void* stream);
  DeviceResult (*stream_query)(int32_t ordinal, void* stream, int32_t* done);
  DeviceResult (*stream_wait_event)(int32_t ordinal, void* stream, void* event);

  DeviceResult (*event_create)(int32_t ordinal, void** event);
  DeviceResult (*event_destroy)(int32_t ordinal, void* event);
  DeviceResult (*event_record)(int32_t ordinal, void* event, void* stream);
  DeviceResult (*event_synchronize)(int32_t ordinal, void* event);
  DeviceResult (*event_query)(int32_t ordinal, void* event, int32_t* done);
  DeviceResult (*event_elapsed)(int32_t ordinal, void* start, void* end, float* milliseconds);

  DeviceResult (*graph_begin)(int32_t ordinal, void* stream);
  DeviceResult (*graph_end)(int32_t ordinal, void* stream, void** graph);
  DeviceResult (*graph_launch)(int32_t ordinal, void* graph, void* stream);
  DeviceResult (*graph_destroy)(int32_t ordinal, void* graph);
};

// The name under which such a library shows its table: const DeviceBackend* ().
inline constexpr char kDeviceBackendSymbol[] = "moba_device_backend";

}  // namespace moba::core
