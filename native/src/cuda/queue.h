// Where kernels are enqueued, and how enqueueing ended.
#pragma once

#include <cstdint>

namespace moba::cuda {

// Where and in how many blocks at once a kernel runs.
struct Queue {
  void* stream;     // a cudaStream_t
  int64_t workers;  // most blocks of a grid; they stride over the indices
};

struct [[nodiscard]] Status {
  enum class Code : int32_t { kOk, kNoSequence, kDeviceError };

  Code code;
  const char* text;  // the runtime's words for a device error, with static lifetime; else ""

  static Status Ok() { return {Code::kOk, ""}; }
  // The source of sequences gave up; it knows why.
  static Status NoSequence() { return {Code::kNoSequence, ""}; }
  static Status DeviceError(const char* text) { return {Code::kDeviceError, text}; }

  bool ok() const { return code == Code::kOk; }
};

}  // namespace moba::cuda
