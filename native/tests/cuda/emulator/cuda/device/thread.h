// Emulation of native/src/cuda/device/thread.h.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <typeinfo>

#include "cuda/queue.h"
#include "machine.h"

namespace moba::cuda {

#define MOBA_THREAD inline

inline constexpr int kWarpSize = 32;
inline constexpr int kWarpgroupSize = 128;

inline emulator::Machine& Machine() { return emulator::Machine::Current(); }

inline int ThreadIndex() { return Machine().thread(); }
inline int64_t BlockIndex() { return Machine().block(); }
inline int64_t GridSize() { return Machine().blocks(); }

// What the lanes of the calling warp bring.
template <class T>
const uint64_t* MeetWarp(T value) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return Machine().Meet(ThreadIndex() / kWarpSize * kWarpSize, kWarpSize, bits);
}

template <class T>
T Shuffle(T value, int lane) {
  const uint64_t bits = MeetWarp(value)[lane & 31];
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
T ShuffleXor(T value, int mask) {
  return Shuffle(value, (ThreadIndex() & 31) ^ mask);
}
inline int WarpUniform(int value) { return Shuffle(value, 0); }
inline uint32_t Ballot(bool value) {
  const uint64_t* const all = MeetWarp(value);
  uint32_t bits = 0;
  for (int lane = 0; lane < kWarpSize; ++lane) bits |= (all[lane] & 1) << lane;
  return bits;
}
template <class T>
uint32_t MatchAny(T value) {
  const uint64_t* const all = MeetWarp(value);
  uint32_t bits = 0;
  for (int lane = 0; lane < kWarpSize; ++lane)
    bits |= uint32_t{all[lane] == all[ThreadIndex() & 31]} << lane;
  return bits;
}

inline void SyncThreads(int id, int threads) { Machine().NamedBarrier(id, threads); }
inline void SyncThreads() { Machine().NamedBarrier(0, Machine().threads()); }
inline void SyncWarp() { MeetWarp(0); }

inline void KeepOrder() {}

template <class T>
void StoreForAsync(const T& value, T& target) {
  target = value;
  Machine().WrittenBy(ThreadIndex(), &target, sizeof value);
}

inline int PopCount(uint32_t bits) { return std::popcount(bits); }
inline int32_t FetchAdd(int32_t* address, int32_t value) {
  const int32_t before = *address;
  *address += value;
  return before;
}
inline float Exp2(float x) { return std::exp2(x); }

template <int kRegisters>
void GiveRegisters() {}
template <int kRegisters>
void TakeRegisters() {}

// Dynamic shared memory of each kernel that the program holds a launch of, by its mangled name.
inline std::map<std::string, int64_t>& DynamicSharedBytes() {
  static std::map<std::string, int64_t> bytes;
  return bytes;
}
template <class Kernel>
inline const bool dynamic_shared_bytes_are_noted =
    DynamicSharedBytes().emplace(typeid(Kernel).name(), Kernel::kSharedBytes).second;

template <class Kernel>
Status LaunchThreads(const Queue& queue, const Kernel& kernel, int64_t blocks) {
  static_cast<void>(dynamic_shared_bytes_are_noted<Kernel>);
  return Enqueue(queue, [kernel, blocks] {
    for (int64_t block = 0; block < blocks; ++block) {
      emulator::Machine::Run(Kernel::kThreads, Kernel::kSharedBytes, block, blocks,
                             [&](char* shared) { kernel(shared); });
    }
  });
}

}  // namespace moba::cuda
