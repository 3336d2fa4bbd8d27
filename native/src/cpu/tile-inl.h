// The micro-kernel of both products: a register tile of rows times vectors of columns,
//     C[row][column] = sum over i of A[row][i] * B[i][column].
// Scores are queries times keys, results are probabilities times values. Elements of A's rows are
// broadcast; B is a slab of packed columns. For each i, kTileRows broadcasts and
// kTileVectors loads feed kTileRows * kTileVectors multiplications (10 for 24, 8 for 12).
//
// Every element of C adds up one product after the other, so what a row receives depends on no
// other row of its tile, nor on the tile's size.
//
// Functions that hold a tile are kept out of line: inlined into their callers GCC 12 spills it.
#if defined(MOBA_CPU_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_TILE_INL_H_
#undef MOBA_CPU_TILE_INL_H_
#else
#define MOBA_CPU_TILE_INL_H_
#endif

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/operand-inl.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Rows of B ahead of which it is asked for.
inline constexpr int64_t kRowsOfSlabAhead = 8;

template <class Operand, int kRows, int kVectors>
class Tile {
 public:
  V c[kRows][kVectors];

  HWY_INLINE void Zero() {
    MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
      MOBA_UNROLL for (int v = 0; v < kVectors; ++v) c[r][v] = hn::Zero(kF32);
    }
  }

  // Rows of A lie anywhere; those of B `b_stride` apart, of which the tile takes what is first.
  // When kFetch, B is asked for some rows ahead: it comes from the second-level cache, and across a
  // page the processor does not look ahead.
  template <bool kFetch>
  HWY_INLINE void Accumulate(const float* const* a, const float* HWY_RESTRICT b, int64_t b_stride,
                             int64_t n) {
    const float* row[kRows];
    MOBA_UNROLL for (int r = 0; r < kRows; ++r) row[r] = a[r];
    int64_t i = 0;
    // In twos: where another thread shares the core, the number of instructions is what counts.
    for (; i + 2 <= n; i += 2, b += 2 * b_stride) {
      Add<kFetch>(row, i, b, b_stride);
      Add<kFetch>(row, i + 1, b + b_stride, b_stride);
    }
    if (i < n) Add<kFetch>(row, i, b, b_stride);
  }

 private:
  template <bool kFetch>
  HWY_INLINE void Add(const float* const (&row)[kRows], int64_t i, const float* HWY_RESTRICT b,
                      int64_t b_stride) {
    if constexpr (kFetch) {
      MOBA_UNROLL for (int64_t at = 0; at < kVectors * kLanes; at += 16) {
        __builtin_prefetch(b + kRowsOfSlabAhead * b_stride + at);
      }
    }
    V operand[kVectors];
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      operand[v] = hn::Load(kF32, b + v * kLanes);
      KeepInRegister(operand[v]);
    }
    MOBA_UNROLL for (int r = 0; r < kRows; ++r) {
      const V broadcast = hn::Set(kF32, row[r][i]);
      MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
        c[r][v] = Operand::MulAdd(broadcast, operand[v], c[r][v]);
        KeepInRegister(c[r][v]);
      }
      KeepUntilHere(broadcast);
    }
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) KeepUntilHere(operand[v]);
  }
};

// Calls body.template operator()<kVectors>() for as many vectors as there are.
template <int kVectors = kTileVectors, class Body>
HWY_INLINE void WithVectors(int64_t vectors, const Body& body) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) return WithVectors<kVectors - 1>(vectors, body);
  }
  body.template operator()<kVectors>();
}

// Calls body.template operator()<kRows>(first) for tiles of rows that cover a panel; the last one
// may reach beyond `num_rows`, not beyond the panel.
template <class Body>
HWY_INLINE void ForEachRowTile(int64_t num_rows, const Body& body) {
  int64_t row = 0;
  for (; row < num_rows && num_rows - row > kTileRows - kFewRows; row += kTileRows) {
    body.template operator()<kTileRows>(row);
  }
  for (; row < num_rows; row += kFewRows) body.template operator()<kFewRows>(row);
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
