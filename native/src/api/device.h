// How entry points reach an engine's device.
#pragma once

#include "api/engine.h"
#include "api/tensors.h"
#include "api/versioned.h"
#include "core/device_backend.h"

namespace moba::api {

// Where tensors of the engine's runs lie.
Device DeviceOf(const Engine& engine);

int32_t CheckStream(const Engine& engine, const void* stream);

// The status of moba.h, and the device's sentence, for a failure other than kInvalidSequences.
int32_t FromDevice(const core::DeviceResult& result);

inline int32_t CheckHandle(const char* name, const void* handle) {
  if (handle != nullptr) return MOBA_OK;
  return Fail(MOBA_INVALID_ARGUMENT, "%s is NULL, expected one that was made before", name);
}

// Where a result goes.
template <typename T>
int32_t CheckResult(const char* name, T* result) {
  if (result == nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s is NULL, expected where to put it", name);
  }
  return CheckAligned(name, result);
}

// Calls body(backend, ordinal) inside a live engine of a device.
template <typename Body>
int32_t OnDevice(const moba_engine* handle, const Body& body) {
  return InEngine(handle, [&](const Engine& engine) {
    if (engine.device == nullptr) {
      return Fail(MOBA_UNSUPPORTED,
                  "engine is one of the CPU, which has no device memory, streams, events and "
                  "graphs; expected one of MOBA_BACKEND_CUDA");
    }
    return body(*engine.device, engine.ordinal);
  });
}

}  // namespace moba::api
