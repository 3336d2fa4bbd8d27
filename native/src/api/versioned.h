// Structs that callers of other versions hand in and out, by their struct_size.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "api/error.h"

namespace moba::api {

template <typename T>
int32_t CheckAligned(const char* name, const T* pointer) {
  if (reinterpret_cast<uintptr_t>(pointer) % alignof(T) == 0) return MOBA_OK;
  return Fail(MOBA_INVALID_ARGUMENT, "%s is misaligned, expected alignment to %zu bytes", name,
              alignof(T));
}

// Copies `input` into `output`. A shorter known prefix leaves the rest zero; a longer struct must
// be zero beyond what is known.
template <typename T>
int32_t ReadStruct(const char* name, const T* input, T& output) {
  if (input == nullptr) return Fail(MOBA_INVALID_ARGUMENT, "%s is NULL, expected a struct", name);
  if (const int32_t status = CheckAligned(name, input)) return status;
  const int64_t size = input->struct_size;
  if (size < static_cast<int64_t>(sizeof input->struct_size) || size > (1 << 20)) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.struct_size is %lld, expected %zu", name,
                static_cast<long long>(size), sizeof(T));
  }
  const auto* bytes = reinterpret_cast<const char*>(input);
  if (std::any_of(bytes + std::min<int64_t>(size, sizeof(T)), bytes + size,
                  [](char byte) { return byte != 0; })) {
    return Fail(
        MOBA_INVALID_ARGUMENT,
        "%s.struct_size is %lld with fields this library does not know, expected zeros after "
        "%zu bytes",
        name, static_cast<long long>(size), sizeof(T));
  }
  output = {};
  std::memcpy(&output, bytes, static_cast<size_t>(std::min<int64_t>(size, sizeof(T))));
  return MOBA_OK;
}

// Fills as much of `output` as its caller knows; struct_size is left as it is.
template <typename T>
int32_t WriteStruct(const char* name, T value, T* output) {
  if (output == nullptr) return Fail(MOBA_INVALID_ARGUMENT, "%s is NULL, expected a struct", name);
  if (const int32_t status = CheckAligned(name, output)) return status;
  const int64_t size = output->struct_size;
  if (size < static_cast<int64_t>(sizeof output->struct_size)) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.struct_size is %lld, expected %zu", name,
                static_cast<long long>(size), sizeof(T));
  }
  value.struct_size = size;
  std::memcpy(output, &value, static_cast<size_t>(std::min<int64_t>(size, sizeof(T))));
  return MOBA_OK;
}

}  // namespace moba::api
