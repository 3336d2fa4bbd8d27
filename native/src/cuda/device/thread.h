// Threads of a block and how they meet: names for what a kernel of warps and warpgroups is made of.
//
// A kernel written with the headers of this folder is a functor
//   static constexpr int kThreads;                 // of a block
//   static constexpr int64_t kSharedBytes;         // dynamic shared memory, aligned to 1024
//   void operator()(char* shared) const;           // what every thread does
// Tests put headers of the same names before these, which emulate the threads, the asynchronous
// copies and the tensor cores, so that every line of such a kernel runs without a GPU.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/runtime_error.h"

namespace moba::cuda {

#define MOBA_THREAD __device__ __forceinline__

inline constexpr int kWarpSize = 32;
inline constexpr int kWarpgroupSize = 128;

MOBA_THREAD int ThreadIndex() { return static_cast<int>(threadIdx.x); }
MOBA_THREAD int64_t BlockIndex() { return blockIdx.x; }
MOBA_THREAD int64_t GridSize() { return gridDim.x; }

// A value that is the same in all threads of a warp, as the compiler cannot see.
MOBA_THREAD int WarpUniform(int value) { return __shfl_sync(~0u, value, 0); }

MOBA_THREAD void SyncThreads() { __syncthreads(); }
// The `threads` threads that name barrier `id`, 1 to 15, wait for each other.
MOBA_THREAD void SyncThreads(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
MOBA_THREAD void SyncWarp() { __syncwarp(); }

// Of all 32 lanes of a warp.
template <class T>
MOBA_THREAD T ShuffleXor(T value, int mask) {
  return __shfl_xor_sync(~0u, value, mask);
}
template <class T>
MOBA_THREAD T Shuffle(T value, int lane) {
  return __shfl_sync(~0u, value, lane);
}
template <class T>
MOBA_THREAD T* Shuffle(T* pointer, int lane) {
  return reinterpret_cast<T*>(Shuffle(reinterpret_cast<unsigned long long>(pointer), lane));
}
MOBA_THREAD uint32_t Ballot(bool value) { return __ballot_sync(~0u, value); }
// The lanes that hold the same value.
template <class T>
MOBA_THREAD uint32_t MatchAny(T value) {
  return __match_any_sync(~0u, value);
}

// The compiler moves no access to memory over this.
MOBA_THREAD void KeepOrder() { asm volatile("" ::: "memory"); }

// Writes shared memory that tensor cores will read, of Hopper after FenceForAsync (barrier.h).
template <class T>
MOBA_THREAD void StoreForAsync(const T& value, T& target) {
  target = value;
}

MOBA_THREAD int PopCount(uint32_t bits) { return __popc(bits); }

// Adds atomically, in shared or global memory; what was there before.
MOBA_THREAD int32_t FetchAdd(int32_t* address, int32_t value) { return atomicAdd(address, value); }

// 2^x within 2 ulp, results below 2^-126 being 0.
MOBA_THREAD float Exp2(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

// Moves registers between warpgroups: all of the calling one's four warps call it. A kernel with
// kThreads threads starts with 65536 / kThreads each, rounded down to a multiple of 8.
template <int kRegisters>
MOBA_THREAD void GiveRegisters() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}
template <int kRegisters>
MOBA_THREAD void TakeRegisters() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, 1)
    RunThreads(const __grid_constant__ Kernel kernel) {
  extern __shared__ __align__(1024) char dynamic_shared[];
  kernel(dynamic_shared);
}

// Enqueues a kernel of `blocks` blocks.
template <class Kernel>
Status LaunchThreads(const Queue& queue, const Kernel& kernel, int64_t blocks) {
  const auto* const entry = reinterpret_cast<const void*>(&RunThreads<Kernel>);
  const Status status = FromRuntime(cudaFuncSetAttribute(
      entry, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(Kernel::kSharedBytes)));
  if (!status.ok()) return status;
  Kernel argument = kernel;
  void* arguments[] = {&argument};
  return FromRuntime(cudaLaunchKernel(entry, dim3(static_cast<unsigned>(blocks)),
                                      dim3(Kernel::kThreads), arguments, Kernel::kSharedBytes,
                                      static_cast<cudaStream_t>(queue.stream)));
}

}  // namespace moba::cuda
