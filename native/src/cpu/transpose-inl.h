// Query rows to transposed panels: kLanes rows of four channels become four vectors of queries, by
// 4 x 4 transposes within 128-bit blocks. Block b of a vector belongs to rows 4b .. 4b + 3.
#if defined(MOBA_CPU_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_TRANSPOSE_INL_H_
#undef MOBA_CPU_TRANSPOSE_INL_H_
#else
#define MOBA_CPU_TRANSPOSE_INL_H_
#endif

#include "cpu/convert-inl.h"
#include "cpu/kernels.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

using F32x4 = HWY_CAPPED(float, 4);
inline constexpr F32x4 kF32x4{};

// Four channels of rows r, r + 4, r + 8, ... side by side.
template <class D>
HWY_INLINE hn::Vec<D> LoadBlocks(D d, const float* const* rows, int64_t channel) {
  constexpr size_t kWidth = hn::MaxLanes(D());
  if constexpr (kWidth == 4) {
    return hn::LoadU(d, rows[0] + channel);
  } else {
    const hn::Half<D> half;
    const auto low = LoadBlocks(half, rows, channel);
    const auto high = LoadBlocks(half, rows + kWidth / 2, channel);
    return hn::Combine(d, high, low);
  }
}

// In each 128-bit block, the 4 x 4 matrix of four vectors is transposed.
template <class D>
HWY_INLINE void TransposeBlocks(D d, hn::Vec<D> (&v)[4]) {
  const hn::RepartitionToWide<D> wide;
  const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, v[0], v[1]));
  const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, v[2], v[3]));
  const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(d, v[0], v[1]));
  const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(d, v[2], v[3]));
  v[0] = hn::BitCast(d, hn::InterleaveLower(wide, low01, low23));
  v[1] = hn::BitCast(d, hn::InterleaveUpper(wide, low01, low23));
  v[2] = hn::BitCast(d, hn::InterleaveLower(wide, high01, high23));
  v[3] = hn::BitCast(d, hn::InterleaveUpper(wide, high01, high23));
}

// Fills panel [head_dim rounded up to 4][kVectors * kLanes] with the given rows of the window; the
// last row is repeated in lanes beyond num_rows.
template <int kVectors>
HWY_INLINE void LoadPanel(const QueryRows& query, const int32_t* window_rows, int64_t num_rows,
                          float* widened, float* HWY_RESTRICT panel) {
  constexpr int64_t kRows = kVectors * kLanes;
  const int64_t padded = (query.head_dim + 3) / 4 * 4;
  const float* rows[kRows];
  for (int64_t i = 0; i < kRows; ++i) {
    if (i < num_rows) {
      rows[i] = FloatRow(query.dtype, query.data + window_rows[i] * query.stride_bytes,
                         query.head_dim, 4, widened + i * padded);
    } else {
      rows[i] = rows[i - 1];
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    const float* const* group = rows + v * kLanes;
    for (int64_t channel = 0; channel < padded; channel += 4) {
      V block[4];
      MOBA_UNROLL for (int i = 0; i < 4; ++i) block[i] = LoadBlocks(kF32, group + i, channel);
      TransposeBlocks(kF32, block);
      MOBA_UNROLL for (int i = 0; i < 4; ++i) {
        hn::Store(block[i], kF32, panel + (channel + i) * kRows + v * kLanes);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
