// The mean of a block's keys (specification, section 2, rule 1), which reads every key of a
// sequence once and is limited by that. Sums are double, key by key, in tiles of channels that stay
// in registers for a few rows at a time.
#if defined(MOBA_CPU_CENTROID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_CENTROID_INL_H_
#undef MOBA_CPU_CENTROID_INL_H_
#else
#define MOBA_CPU_CENTROID_INL_H_
#endif

#include <algorithm>

#include "core/carver.h"
#include "cpu/convert-inl.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

using F64 = hn::Repartition<double, F32>;
inline constexpr F64 kF64{};
inline constexpr hn::Half<F32> kHalfF32{};
inline constexpr int64_t kDoubles = kLanes / 2;

// Rows that are gone through tile by tile, and how many rows ahead memory is asked for.
inline constexpr int64_t kSumRows = 32;
inline constexpr int64_t kRowsAhead = 16;

// sums[channel ..] += rows, one tile of channels. `rows` begins there.
template <DType kType, int kVectors>
HWY_NOINLINE void SumRows(const SourceRows& rows, double* HWY_RESTRICT sums) {
  constexpr int64_t kSize = core::SizeOf(kType);
  hn::Vec<F64> sum[2 * kVectors];
  MOBA_UNROLL for (int i = 0; i < 2 * kVectors; ++i) sum[i] = hn::Load(kF64, sums + i * kDoubles);
  for (int64_t r = 0; r < rows.num_rows; ++r) {
    const char* row = rows.data + r * rows.stride_bytes;
    // Behind the last row there are, most often, those of the next block.
    PrefetchSpan(row + kRowsAhead * rows.stride_bytes, kVectors * kLanes * kSize);
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      // Only a tile of one vector may reach beyond the row.
      const V value = kVectors == 1 ? LoadChannels<kType>(row, rows.channels)
                                    : LoadFloats<kType>(row + v * kLanes * kSize);
      sum[2 * v] = hn::Add(sum[2 * v], hn::PromoteTo(kF64, hn::LowerHalf(kHalfF32, value)));
      sum[2 * v + 1] = hn::Add(sum[2 * v + 1], hn::PromoteTo(kF64, hn::UpperHalf(kHalfF32, value)));
    }
  }
  MOBA_UNROLL for (int i = 0; i < 2 * kVectors; ++i) hn::Store(sum[i], kF64, sums + i * kDoubles);
}

template <DType kType>
void SumBlock(const SourceRows& rows, double* sums) {
  constexpr int kVectors = kKeyTile;
  for (int64_t first = 0; first < rows.num_rows; first += kSumRows) {
    int64_t channel = 0;
    for (; channel + kVectors * kLanes <= rows.channels; channel += kVectors * kLanes) {
      SumRows<kType, kVectors>(rows.Part(first, kSumRows, channel), sums + channel);
    }
    for (; channel < rows.channels; channel += kLanes) {
      SumRows<kType, 1>(rows.Part(first, kSumRows, channel), sums + channel);
    }
  }
}

void PackCentroid(const SourceRows& source, double* sums, float* packed, int64_t index) {
  const int64_t channels = source.channels;
  std::fill(sums, sums + core::RoundUp(channels, kMostLanes), 0.0);
  switch (source.dtype) {
    case DType::kF32:
      SumBlock<DType::kF32>(source, sums);
      break;
    case DType::kF16:
      SumBlock<DType::kF16>(source, sums);
      break;
    case DType::kBF16:
      SumBlock<DType::kBF16>(source, sums);
      break;
  }
  const auto count = hn::Set(kF64, static_cast<double>(source.num_rows));
  float* out = packed + index / kKeyTile * kKeyTile * channels + index % kKeyTile;
  alignas(64) float mean[kDoubles];
  for (int64_t c = 0; c < channels; ++c) {
    if (c % kDoubles == 0) {
      hn::Store(hn::DemoteTo(kHalfF32, hn::Div(hn::Load(kF64, sums + c), count)), kHalfF32, mean);
    }
    out[c * kKeyTile] = core::RoundTo(source.dtype, mean[c % kDoubles]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
