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
#include "cpu/operand-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

using F64 = hn::Repartition<double, F32>;
inline constexpr F64 kF64{};
inline constexpr hn::Half<F32> kHalfF32{};
inline constexpr int64_t kDoubles = kLanes / 2;

// Rows that are gone through tile by tile.
inline constexpr int64_t kSumRows = 32;

// Adds vectors of floats to sums of doubles.
HWY_INLINE void AddHalves(hn::Vec<hn::Half<F32>> lower, hn::Vec<hn::Half<F32>> upper,
                          hn::Vec<F64>* sum) {
  sum[0] = hn::Add(sum[0], hn::PromoteTo(kF64, lower));
  sum[1] = hn::Add(sum[1], hn::PromoteTo(kF64, upper));
}

HWY_INLINE void AddHalves(V floats, hn::Vec<F64>* sum) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  // Doubles made of half a register cost a shuffle or two, those of memory none. GCC would see that
  // both are the same, and shuffle.
  alignas(64) float stored[kLanes];
  hn::Store(floats, kF32, stored);
  asm("" : "+m"(stored));
  AddHalves(hn::Load(kHalfF32, stored), hn::Load(kHalfF32, stored + kDoubles), sum);
#else
  AddHalves(hn::LowerHalf(kHalfF32, floats), hn::UpperHalf(kHalfF32, floats), sum);
#endif
}

// sums[channel ..] += rows, one tile of channels. `rows` begins there.
template <DType kType, int kVectors>
HWY_NOINLINE void SumRows(const SourceRows& rows, double* HWY_RESTRICT sums) {
  constexpr int64_t kSize = core::SizeOf(kType);
  constexpr int64_t kRowsAhead = 64 / kSize;
  hn::Vec<F64> sum[2 * kVectors];
  MOBA_UNROLL for (int i = 0; i < 2 * kVectors; ++i) sum[i] = hn::Load(kF64, sums + i * kDoubles);
  for (int64_t r = 0; r < rows.num_rows; ++r) {
    const char* row = rows.data + r * rows.stride_bytes;
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      const char* at = row + v * kLanes * kSize;
      // Behind the last row there are, most often, those of the next block.
      if (v * kLanes * kSize % 64 == 0) {
        __builtin_prefetch(at + kRowsAhead * rows.stride_bytes, 0, 2);
      }
      if constexpr (kType == DType::kF32 && kVectors > 1) {
        const auto* floats = reinterpret_cast<const float*>(at);
        AddHalves(hn::LoadU(kHalfF32, floats), hn::LoadU(kHalfF32, floats + kDoubles), sum + 2 * v);
      } else {
        // Only a tile of one vector may reach beyond the row.
        AddHalves(kVectors == 1 ? LoadChannels<kType>(at, rows.channels) : LoadFloats<kType>(at),
                  sum + 2 * v);
      }
    }
  }
  MOBA_UNROLL for (int i = 0; i < 2 * kVectors; ++i) hn::Store(sum[i], kF64, sums + i * kDoubles);
}

template <DType kType>
void SumBlock(const SourceRows& rows, double* sums) {
  constexpr int kVectors = kRegisters / 4;
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

template <class Operand, DType kType>
void MeanOf(const SourceRows& rows, double* HWY_RESTRICT sums, float* HWY_RESTRICT mean) {
  std::fill(sums, sums + core::RoundUp(rows.channels, kMostLanes), 0.0);
  SumBlock<kType>(rows, sums);
  const auto count = hn::Set(kF64, static_cast<double>(rows.num_rows));
  const auto half_mean = [&](int64_t channel) {
    return hn::DemoteTo(kHalfF32, hn::Div(hn::Load(kF64, sums + channel), count));
  };
  for (int64_t c = 0; c < rows.channels; c += kLanes) {
    const V both = hn::Combine(kF32, half_mean(c + kDoubles), half_mean(c));
    Operand::template StoreMeans<kType>(both, c, mean);
  }
}

template <class Operand>
void PackCentroid(const SourceRows& source, double* sums, float* centroid) {
  switch (source.dtype) {
    case DType::kF32:
      return MeanOf<Operand, DType::kF32>(source, sums, centroid);
    case DType::kF16:
      return MeanOf<Operand, DType::kF16>(source, sums, centroid);
    case DType::kBF16:
      return MeanOf<Operand, DType::kBF16>(source, sums, centroid);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
