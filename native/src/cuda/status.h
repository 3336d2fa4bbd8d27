// How enqueueing a run ended.
#pragma once

#include <cstdint>

namespace moba::cuda {

struct Status {
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
