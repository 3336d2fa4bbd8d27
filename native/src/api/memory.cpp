// Entry points for memory of an engine's device.
#include <cinttypes>

#include "api/device.h"

namespace moba::api {
namespace {

using core::DeviceBackend;

int32_t CheckMemory(int32_t memory) {
  if (memory == MOBA_MEMORY_DEVICE || memory == MOBA_MEMORY_PINNED) return MOBA_OK;
  return Fail(MOBA_INVALID_ARGUMENT, "memory is %d, expected a moba_memory", memory);
}

int32_t CheckBytes(int64_t bytes) {
  if (bytes >= 0) return MOBA_OK;
  return Fail(MOBA_INVALID_ARGUMENT, "bytes is %" PRId64 ", expected at least 0", bytes);
}

int32_t Allocate(const DeviceBackend& device, int32_t ordinal, int32_t memory, int64_t bytes,
                 void** address) {
  if (const int32_t status = CheckMemory(memory)) return status;
  if (const int32_t status = CheckBytes(bytes)) return status;
  if (const int32_t status = CheckResult("address", address)) return status;
  if (bytes == 0) {
    *address = nullptr;
    return MOBA_OK;
  }
  return FromDevice(
      device.memory_allocate(ordinal, static_cast<core::MemoryKind>(memory), bytes, address));
}

int32_t CheckCopied(const void* target, const void* source, int64_t bytes) {
  if (target == nullptr || source == nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s is NULL, expected an address of %" PRId64 " bytes",
                target == nullptr ? "target" : "source", bytes);
  }
  const auto to = reinterpret_cast<uintptr_t>(target);
  const auto from = reinterpret_cast<uintptr_t>(source);
  const auto size = static_cast<uintptr_t>(bytes);
  if (to + size < to || from + size < from) {
    return Fail(MOBA_INVALID_ARGUMENT, "bytes is %" PRId64 ", expected what fits behind %s", bytes,
                to + size < to ? "target" : "source");
  }
  if (to < from + size && from < to + size) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "target shares memory with source, expected two places for %" PRId64 " bytes",
                bytes);
  }
  return MOBA_OK;
}

int32_t Copy(const DeviceBackend& device, int32_t ordinal, void* target, const void* source,
             int64_t bytes, void* stream) {
  if (const int32_t status = CheckBytes(bytes)) return status;
  if (bytes == 0) return MOBA_OK;
  if (const int32_t status = CheckCopied(target, source, bytes)) return status;
  return FromDevice(device.memory_copy(ordinal, target, source, bytes, stream));
}

}  // namespace
}  // namespace moba::api

using moba::api::CheckMemory;
using moba::api::CheckResult;
using moba::api::FromDevice;
using moba::api::OnDevice;
using moba::core::DeviceBackend;

extern "C" {

int32_t moba_memory_allocate(const moba_engine* engine, int32_t memory, int64_t bytes,
                             void** address) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    return moba::api::Allocate(device, ordinal, memory, bytes, address);
  });
}

int32_t moba_memory_free(const moba_engine* engine, int32_t memory, void* address) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) -> int32_t {
    if (const int32_t status = CheckMemory(memory)) return status;
    if (address == nullptr) return MOBA_OK;
    return FromDevice(
        device.memory_free(ordinal, static_cast<moba::core::MemoryKind>(memory), address));
  });
}

int32_t moba_memory_info(const moba_engine* engine, int64_t* free_bytes, int64_t* total_bytes) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckResult("free_bytes", free_bytes)) return status;
    if (const int32_t status = CheckResult("total_bytes", total_bytes)) return status;
    return FromDevice(device.memory_info(ordinal, free_bytes, total_bytes));
  });
}

int32_t moba_memory_copy(const moba_engine* engine, void* target, const void* source, int64_t bytes,
                         void* stream) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    return moba::api::Copy(device, ordinal, target, source, bytes, stream);
  });
}

}  // extern "C"
