// A cooperative block of kThreads threads: real on a GPU, emulated by loops elsewhere, so that
// every line of a kernel runs in tests on machines without one.
//
// A kernel is a functor `void operator()(Block&, Shared&, int64_t index) const`. It is a sequence
// of phases; in block.Each(phase) every thread runs phase(thread), and a barrier follows. Within a
// phase no thread may read what another one writes. What lies between phases is the same for all
// threads: it uses arguments, and shared memory through block.Uniform() alone.
//
// The emulation runs the threads of a phase one after the other, in an order that tests choose:
// results that depend on it show a missing barrier. Shared memory is poison at first.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/queue.h"

#ifdef __CUDACC__
#include <cuda_runtime.h>

#include "cuda/runtime_error.h"
#define MOBA_DEVICE __device__ __forceinline__
#else
#include <array>
#include <cstring>
#include <functional>
#define MOBA_DEVICE inline
#endif

namespace moba::cuda {

inline constexpr int kThreads = 128;
// Blocks that have to fit on a multiprocessor together: the most at which no kernel spills.
inline constexpr int kLeastBlocksPerMultiprocessor = 5;

#ifdef __CUDACC__

class Block {
 public:
  template <class Phase>
  MOBA_DEVICE void Each(const Phase& phase) {
    phase(static_cast<int>(threadIdx.x));
    __syncthreads();
  }

  template <class T>
  MOBA_DEVICE T Uniform(const T& shared) {
    const T value = shared;
    __syncthreads();
    return value;
  }

  // Which of the blocks at work this is: 0 .. workers - 1.
  MOBA_DEVICE int64_t worker() const { return blockIdx.x; }
};

// What a thread keeps from phase to phase.
template <class T>
class PerThread {
 public:
  MOBA_DEVICE T& operator[](int /*thread*/) { return value_; }

 private:
  T value_ = {};
};

// Returns what was there before.
MOBA_DEVICE int32_t AtomicAdd(int32_t* address, int32_t value) { return atomicAdd(address, value); }
MOBA_DEVICE void AtomicMin(int32_t* address, int32_t value) { atomicMin(address, value); }

// A product that is rounded, never contracted with an addition that follows.
MOBA_DEVICE float Product(float a, float b) { return __fmul_rn(a, b); }

template <class Kernel>
__global__ void __launch_bounds__(kThreads, kLeastBlocksPerMultiprocessor)
    RunKernel(const __grid_constant__ Kernel kernel, int64_t count, const int32_t* found) {
  __shared__ typename Kernel::Shared shared;
  Block block;
  if (found != nullptr) count = std::min<int64_t>(count, *found);
  for (int64_t index = blockIdx.x; index < count; index += gridDim.x) kernel(block, shared, index);
}

// Enqueues kernel(0) .. kernel(count - 1), or fewer: *found, which earlier kernels leave on the
// device.
template <class Kernel>
Status Launch(const Queue& queue, const Kernel& kernel, int64_t count,
              const int32_t* found = nullptr) {
  if (count == 0) return Status::Ok();
  const int64_t workers = std::min<int64_t>({count, queue.workers, INT32_MAX});
  Kernel argument = kernel;
  void* arguments[] = {&argument, &count, &found};
  return FromRuntime(cudaLaunchKernel(reinterpret_cast<const void*>(&RunKernel<Kernel>),
                                      dim3(static_cast<unsigned>(workers)), dim3(kThreads),
                                      arguments, 0, static_cast<cudaStream_t>(queue.stream)));
}

#else

enum class ThreadOrder { kAscending, kDescending, kInterleaved };
inline ThreadOrder emulated_order = ThreadOrder::kAscending;

class Block {
 public:
  explicit Block(int64_t worker) : worker_(worker) {}

  template <class Phase>
  void Each(const Phase& phase) {
    for (int i = 0; i < kThreads; ++i) phase(ThreadAt(i));
  }

  template <class T>
  T Uniform(const T& shared) {
    return shared;
  }

  int64_t worker() const { return worker_; }

 private:
  static int ThreadAt(int i) {
    switch (emulated_order) {
      case ThreadOrder::kAscending:
        break;
      case ThreadOrder::kDescending:
        return kThreads - 1 - i;
      case ThreadOrder::kInterleaved:  // far from any neighbour; odd, so every thread comes once
        return (i * 77 + 13) % kThreads;
    }
    return i;
  }

  int64_t worker_;
};

template <class T>
class PerThread {
 public:
  T& operator[](int thread) { return values_[static_cast<size_t>(thread)]; }

 private:
  std::array<T, kThreads> values_ = {};
};

inline int32_t AtomicAdd(int32_t* address, int32_t value) {
  const int32_t before = *address;
  *address += value;
  return before;
}
inline void AtomicMin(int32_t* address, int32_t value) { *address = std::min(*address, value); }

inline float Product(float a, float b) { return a * b; }

// Does the work when it is its turn in the queue's stream (native/tests/cuda/emulator/stream.cpp).
Status Enqueue(const Queue& queue, std::function<void()> work);

template <class Kernel>
Status Launch(const Queue& queue, const Kernel& kernel, int64_t count,
              const int32_t* found = nullptr) {
  return Enqueue(queue, [kernel, count, found, workers = queue.workers] {
    typename Kernel::Shared shared;
    const int64_t end = found == nullptr ? count : std::min<int64_t>(count, *found);
    for (int64_t index = 0; index < end; ++index) {
      std::memset(static_cast<void*>(&shared), 0xff, sizeof shared);
      Block block(index % workers);
      kernel(block, shared, index);
    }
  });
}

#endif

}  // namespace moba::cuda
