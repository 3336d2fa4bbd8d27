// Where kernels are enqueued, and how enqueueing ended.
#pragma once

#include <cstdint>

namespace moba::cuda {

// Blocks of plain kernels that share a multiprocessor.
inline constexpr int64_t kWorkersPerMultiprocessor = 8;

// Which tensor cores kernels may be made for. A device that has some has those above them as well.
enum class TensorCores {
  kNone,
  kAmpere,  // of compute capability 8.0, and of all devices after it
  kHopper,  // of compute capability 9.0, and of no other
};

// Where and in how many blocks at once a kernel runs.
struct Queue {
  void* stream;     // a cudaStream_t
  int64_t workers;  // most blocks of a grid; they stride over the indices
  TensorCores tensor_cores = TensorCores::kNone;
  int64_t multiprocessors = 1;  // blocks of kernels that have one on each, and stay
};

struct [[nodiscard]] Status {
  enum class Code : int32_t { kOk, kNoSequence, kOutOfMemory, kDeviceError };

  Code code = Code::kOk;
  // The runtime's name and words for a device error, with static lifetime.
  const char* name = "";
  const char* text = "";
  bool sticky = false;  // no later call will succeed in this process

  static Status Ok() { return {}; }
  // The source of sequences gave up; it knows why.
  static Status NoSequence() { return {.code = Code::kNoSequence}; }

  bool ok() const { return code == Code::kOk; }
};

}  // namespace moba::cuda
