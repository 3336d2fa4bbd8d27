// Emulation of native/src/cuda/device/mma.h: reads operands through the descriptors' addresses,
// strides and swizzle, as hardware does, and truncates sums as it may.
#pragma once

#include "cuda/device/pack.h"
#include "cuda/device/panel.h"
#include "device.h"
#include "truncated.h"

namespace moba::cuda {

inline uint64_t SumOverChannels(const void* panel, int step) {
  const uint64_t address = static_cast<uint64_t>(Machine().AddressOf(panel) + step * 32);
  return (uint64_t{1} << 62) | (uint64_t{1024 >> 4} << 32) | (uint64_t{1} << 16) | (address >> 4);
}
inline uint64_t SumOverRows(const void* panel, int step, int panel_bytes) {
  const uint64_t address = static_cast<uint64_t>(Machine().AddressOf(panel) + step * 2048);
  return (uint64_t{1} << 62) | (uint64_t{1024 >> 4} << 32) |
         (static_cast<uint64_t>(panel_bytes >> 4) << 16) | (address >> 4);
}

namespace emulator {

// Element (line, k) of the 16 columns k that a descriptor describes; lines are rows or channels.
struct Operand {
  uint64_t descriptor;
  bool over_rows;

  int64_t AddressOf(int line, int k) const {
    const int64_t start = static_cast<int64_t>(descriptor & 0x3fff) << 4;
    const int64_t leading = static_cast<int64_t>(descriptor >> 16 & 0x3fff) << 4;
    const int64_t stride = static_cast<int64_t>(descriptor >> 32 & 0x3fff) << 4;
    const int64_t plain =
        over_rows ? start + line / 64 * leading + line % 64 * 2 + k / 8 * stride + k % 8 * 128
                  : start + line / 8 * stride + line % 8 * 128 + k * 2;
    return plain ^ ((plain >> 7 & 7) << 4);
  }

  template <class Element>
  void Load(int lines, float* result) const {
    class Machine& machine = Machine::Current();
    for (int line = 0; line < lines; ++line) {
      for (int k = 0; k < 16; ++k) {
        const int64_t address = AddressOf(line, k);
        machine.ExpectVisible(address, 2);
        Element element;
        std::memcpy(&element, machine.SharedAt(address), sizeof element);
        result[line * 16 + k] = Widen(element);
      }
    }
  }
};

// d (+)= A B^T of 64 x 16 and N x 16 elements, the result with the 128 threads.
inline void Multiply(const float* a, const float* b, int n, bool accumulate,
                     const std::array<void*, 128>& results) {
  ++emulated_products;
  for (int row = 0; row < 64; ++row) {
    for (int column = 0; column < n; ++column) {
      double sum = 0;
      for (int k = 0; k < 16; ++k) {
        sum += static_cast<double>(a[row * 16 + k]) * static_cast<double>(b[column * 16 + k]);
      }
      const int thread = row / 16 * 32 + row % 8 * 4 + column % 8 / 2;
      float& d = static_cast<float*>(
          results[static_cast<size_t>(thread)])[column / 8 * 4 + row % 16 / 8 * 2 + column % 2];
      if (accumulate) sum += static_cast<double>(d);
      d = Truncated(sum);
    }
  }
}

}  // namespace emulator

template <class Element, int N>
struct Mma {
  static_assert(N % 8 == 0 && N <= 256);
  static constexpr int kRegisters = N / 2;
  using Result = float[kRegisters];

  static void SharedShared(uint64_t a, uint64_t b, Result& d, bool accumulate) {
    Issue(nullptr, d, [=](emulator::Machine::Product& product) {
      float left[64 * 16];
      float right[N * 16];
      emulator::Operand{a, false}.Load<Element>(64, left);
      emulator::Operand{b, false}.Load<Element>(N, right);
      emulator::Multiply(left, right, N, accumulate, product.result);
    });
  }

  static void RegistersShared(const uint32_t (&a)[4], uint64_t b, Result& d, bool accumulate) {
    Issue(a, d, [=](emulator::Machine::Product& product) {
      float left[64 * 16];
      float right[N * 16];
      for (int row = 0; row < 64; ++row) {
        for (int k = 0; k < 16; ++k) {
          const int thread = row / 16 * 32 + row % 8 * 4 + k % 8 / 2;
          const auto* registers =
              static_cast<const uint32_t*>(product.operand[static_cast<size_t>(thread)]);
          const uint32_t pair = registers[row % 16 / 8 + k / 8 * 2];
          left[row * 16 + k] =
              Widen(Element{static_cast<uint16_t>(k % 2 == 0 ? pair : pair >> 16)});
        }
      }
      emulator::Operand{b, true}.Load<Element>(N, right);
      emulator::Multiply(left, right, N, accumulate, product.result);
    });
  }

  static void Fence(Result& /*d*/) {}

 private:
  template <class Compute>
  static void Issue(const uint32_t* operand, Result& d, const Compute& compute) {
    emulator::Machine::Warpgroup& group = Machine().OwnWarpgroup();
    const auto own = static_cast<size_t>(ThreadIndex() % kWarpgroupSize);
    if (group.begun[own] == 0) emulator::Fail("a product outside of MmaBegin and MmaCommit");
    const int64_t number = group.next[own]++;
    emulator::Machine::Product& product = group.products[number];
    product.result[own] = d;
    product.operand[own] = operand;
    group.uncommitted[own].push_back(number);
    if (++product.arrived < kWarpgroupSize) return;
    product.compute = [&product, compute] { compute(product); };
    if (emulated_order == ThreadOrder::kAscending) ComputeUntil(group, number + 1);
  }

  static void ComputeUntil(emulator::Machine::Warpgroup& group, int64_t end) {
    for (; group.computed < end; ++group.computed) {
      group.products.at(group.computed).compute();
      group.products.erase(group.computed);
    }
  }

  template <int kBatches>
  friend void MmaWait();
};

inline void MmaBegin() {
  Machine().OwnWarpgroup().begun[static_cast<size_t>(ThreadIndex() % kWarpgroupSize)] = 1;
}
inline void MmaCommit() {
  emulator::Machine::Warpgroup& group = Machine().OwnWarpgroup();
  const auto own = static_cast<size_t>(ThreadIndex() % kWarpgroupSize);
  group.begun[own] = 0;
  group.batches[own].push_back(std::move(group.uncommitted[own]));
  group.uncommitted[own].clear();
}
template <int kBatches>
void MmaWait() {
  emulator::Machine::Warpgroup& group = Machine().OwnWarpgroup();
  const auto own = static_cast<size_t>(ThreadIndex() % kWarpgroupSize);
  auto& batches = group.batches[own];
  while (batches.size() > kBatches) {
    if (!batches.front().empty()) {
      const int64_t last = batches.front().back();
      Machine().WaitUntil([&] {
        const auto found = group.products.find(last);
        return group.computed > last ||
               (found != group.products.end() && found->second.compute != nullptr);
      });
      Mma<BF16, 64>::ComputeUntil(group, last + 1);
    }
    batches.erase(batches.begin());
  }
}

}  // namespace moba::cuda
