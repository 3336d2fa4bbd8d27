// Emulation of native/src/cuda/device/warp_mma.h: lanes read the rows that lanes point to,
// registers are where the instructions have them, and sums are truncated as they may be.
#pragma once

#include <array>
#include <vector>

#include "cuda/device/thread.h"
#include "cuda/element.h"
#include "device.h"
#include "truncated.h"

namespace moba::cuda {

enum class Matrices { kColumns, kRows };

namespace emulator {

// Four matrices, loaded: `rows` in the order of lanes, registers of each lane.
inline std::array<std::array<uint32_t, 4>, 32> LoadMatrices(const std::array<const char*, 32>& rows,
                                                            bool transposed) {
  class Machine& machine = Machine::Current();
  std::array<std::array<uint32_t, 4>, 32> result;
  for (size_t matrix = 0; matrix < 4; ++matrix) {
    const auto element = [&](size_t row, size_t column) {
      const char* const source = rows[8 * matrix + row];
      if (machine.AddressOf(source) % 16 != 0) Fail("a row of a matrix that is not aligned");
      uint16_t value;
      std::memcpy(&value, source + 2 * column, sizeof value);
      return uint32_t{value};
    };
    for (size_t lane = 0; lane < 32; ++lane) {
      const size_t one = lane / 4;
      const size_t two = lane % 4 * 2;
      result[lane][matrix] = transposed ? element(two, one) | element(two + 1, one) << 16
                                        : element(one, two) | element(one, two + 1) << 16;
    }
  }
  return result;
}

template <class Element>
float Half(uint32_t pair, int which) {
  return Widen(Element{static_cast<uint16_t>(which == 0 ? pair : pair >> 16)});
}

// What a lane brings to a product.
struct ProductLane {
  const uint32_t* a;
  std::vector<const char*> rows;  // for each 16 columns
  float* d;
};

// One instruction: d (16 x 8) += a (16 x 16) b (16 x 8); b and d in registers from the given ones
// on.
template <class Element>
void MultiplyWarp(const std::array<ProductLane*, 32>& lanes,
                  const std::array<std::array<uint32_t, 4>, 32>& matrices, size_t b, size_t d) {
  ++emulated_products;
  float left[16][16];
  float right[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    for (int half = 0; half < 2; ++half) {
      const int k = lane % 4 * 2 + half;
      const auto at = static_cast<size_t>(lane);
      for (int i = 0; i < 4; ++i) {
        left[lane / 4 + i % 2 * 8][k + i / 2 * 8] = Half<Element>(lanes[at]->a[i], half);
      }
      right[k][lane / 4] = Half<Element>(matrices[at][b], half);
      right[k + 8][lane / 4] = Half<Element>(matrices[at][b + 1], half);
    }
  }
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      const auto lane = static_cast<size_t>(row % 8 * 4 + column / 2);
      float& result = lanes[lane]->d[d + static_cast<size_t>(row / 8 * 2 + column % 2)];
      auto sum = static_cast<double>(result);
      for (int k = 0; k < 16; ++k) {
        sum += static_cast<double>(left[row][k]) * static_cast<double>(right[k][column]);
      }
      result = Truncated(sum);
    }
  }
}

template <class Lane, class Work>
void InWarp(Lane& own, const Work& work) {
  Machine::Current().Together(ThreadIndex() / kWarpSize * kWarpSize, kWarpSize, &own,
                              [&](void* const* all) {
                                std::array<Lane*, 32> lanes;
                                for (Lane*& lane : lanes) lane = static_cast<Lane*>(*all++);
                                work(lanes);
                              });
}

}  // namespace emulator

inline void LoadA(const char* row, uint32_t (&a)[4]) {
  struct Lane {
    const char* row;
    uint32_t* a;
  };
  Lane own = {row, a};
  emulator::InWarp(own, [](const std::array<Lane*, 32>& lanes) {
    std::array<const char*, 32> rows;
    for (size_t lane = 0; lane < 32; ++lane) rows[lane] = lanes[lane]->row;
    const auto matrices = emulator::LoadMatrices(rows, false);
    for (size_t lane = 0; lane < 32; ++lane) {
      std::copy(matrices[lane].begin(), matrices[lane].end(), lanes[lane]->a);
    }
  });
}

template <class Element, Matrices kMatrices, int kRegisters, class Offset>
void MultiplyAdd(const uint32_t (&a)[4], const char* shared, const Offset& offset,
                 float (&d)[kRegisters]) {
  emulator::ProductLane own = {a, {}, d};
  for (int i = 0; i < kRegisters / 8; ++i) own.rows.push_back(shared + offset(i));
  emulator::InWarp(own, [](const std::array<emulator::ProductLane*, 32>& lanes) {
    for (size_t i = 0; i < kRegisters / 8; ++i) {
      std::array<const char*, 32> rows;
      for (size_t lane = 0; lane < 32; ++lane) rows[lane] = lanes[lane]->rows[i];
      const auto matrices = emulator::LoadMatrices(rows, kMatrices == Matrices::kRows);
      emulator::MultiplyWarp<Element>(lanes, matrices, 0, 8 * i);
      emulator::MultiplyWarp<Element>(lanes, matrices, 2, 8 * i + 4);
    }
  });
}

}  // namespace moba::cuda
