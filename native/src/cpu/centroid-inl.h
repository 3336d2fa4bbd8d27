// The mean of a block's keys (specification, section 2, rule 1), which reads every key of a
// sequence once and is limited by that. Sums are double, key by key.
#if defined(MOBA_CPU_CENTROID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_CENTROID_INL_H_
#undef MOBA_CPU_CENTROID_INL_H_
#else
#define MOBA_CPU_CENTROID_INL_H_
#endif

#include <algorithm>
#include <bit>

#include "core/carver.h"
#include "cpu/ahead-inl.h"
#include "cpu/convert-inl.h"
#include "cpu/kernels.h"
#include "cpu/operand-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

using F64 = hn::Repartition<double, F32>;
inline constexpr F64 kF64{};
inline constexpr hn::Half<F32> kHalfF32{};
using HalfV = hn::Vec<hn::Half<F32>>;
inline constexpr int64_t kDoubles = kLanes / 2;

// Channels whose sums leave the first-level cache room for rows.
inline constexpr int64_t kMostWholeChannels = 2048;
// Vectors of the widest tile whose sums are in registers, and of the widest tile.
inline constexpr int kSumVectors = kRegisters / 4;
inline constexpr int kMostSumVectors = 16;

// How 16 neighbouring elements (as many as a vector of floats has) are added to two vectors of
// sums: each way is the faster one with some processors, both give the same bits.

// Doubles made of half a register cost a shuffle or two, those of memory none: of two ports for
// vectors, Intel's processors shuffle on one. All rows are asked for.
struct ByMemory {
  static constexpr bool kAlwaysAsks = true;
  static constexpr bool kOddApart = false;

  template <DType kType>
  static HWY_INLINE void Add(const char* elements, hn::Vec<F64>* sum) {
    if constexpr (kType == DType::kF32) {
      const auto* floats = reinterpret_cast<const float*>(elements);
      return AddHalves(hn::LoadU(kHalfF32, floats), hn::LoadU(kHalfF32, floats + kDoubles), sum);
    }
    const V floats = LoadFloats<kType>(elements);
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
    alignas(64) float stored[kLanes];
    hn::Store(floats, kF32, stored);
    asm("" : "+m"(stored));  // or GCC takes halves of the register
    AddHalves(hn::Load(kHalfF32, stored), hn::Load(kHalfF32, stored + kDoubles), sum);
#else
    AddHalves(hn::LowerHalf(kHalfF32, floats), hn::UpperHalf(kHalfF32, floats), sum);
#endif
  }

 private:
  static HWY_INLINE void AddHalves(HalfV lower, HalfV upper, hn::Vec<F64>* sum) {
    sum[0] = hn::Add(sum[0], hn::PromoteTo(kF64, lower));
    sum[1] = hn::Add(sum[1], hn::PromoteTo(kF64, upper));
  }
};

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
// Halves are widened and added one after the other, by a multiply-add with one: AMD's processors
// convert and add on the same two of four ports, take 8 cycles for 32 bytes that go through memory,
// and longer for both halves side by side. Their own prefetching runs at full speed where memory is
// read from front to back, and nothing is asked for.
struct ByRegisters {
  static constexpr bool kAlwaysAsks = false;
  static constexpr bool kOddApart = true;

  template <DType kType>
  static HWY_INLINE void Add(const char* elements, hn::Vec<F64>* sum) {
    hn::Vec<F64> one = hn::Set(kF64, 1.0);
    asm("" : "+v"(one.raw));  // or GCC adds
    MOBA_UNROLL for (int half = 0; half < 2; ++half) {
      const auto doubles = hn::PromoteTo(kF64, Half<kType>(elements, half));
      sum[half] = hn::MulAdd(doubles, one, sum[half]);
    }
  }

 private:
  // The first half or the second one; of bf16, elements at even places or at odd ones.
  template <DType kType>
  static HWY_INLINE HalfV Half(const char* elements, int half) {
    const int64_t first = half * kDoubles;
    if constexpr (kType == DType::kF32) {
      return hn::LoadU(kHalfF32, reinterpret_cast<const float*>(elements) + first);
    } else if constexpr (kType == DType::kF16) {
      const hn::Rebind<hwy::float16_t, hn::Half<F32>> f16;
      const auto* halves = reinterpret_cast<const hwy::float16_t*>(elements);
      return hn::PromoteTo(kHalfF32, hn::LoadU(f16, halves + first));
    } else {
      const hn::RebindToUnsigned<hn::Half<F32>> whole;
      const auto pairs = hn::LoadU(whole, reinterpret_cast<const uint32_t*>(elements));
      return hn::BitCast(kHalfF32, half == 0 ? hn::ShiftLeft<16>(pairs)
                                             : hn::And(pairs, hn::Set(whole, 0xFFFF0000u)));
    }
  }
};
#endif

// A vector of elements, or as many as there are.
template <class Way, DType kType>
HWY_INLINE void AddElements(const char* elements, int64_t count, hn::Vec<F64>* sum) {
  if (HWY_LIKELY(count >= kLanes)) return Way::template Add<kType>(elements, sum);
  char padded[kLanes * core::SizeOf(kType)] = {};
  std::memcpy(padded, elements, static_cast<size_t>(count * core::SizeOf(kType)));
  Way::template Add<kType>(padded, sum);
}

// sums[channel ..] += rows, one tile of channels. `rows` begins there. Asks for as much of what
// follows, if kAsks.
template <class Way, DType kType, bool kAsks, int kVectors>
HWY_NOINLINE void SumTile(const SourceRows& rows, double* HWY_RESTRICT sums, Following& to_ask) {
  constexpr int64_t kBytes = kLanes * core::SizeOf(kType);
  Following following = to_ask;  // in registers
  hn::Vec<F64> sum[2 * kVectors];
  MOBA_UNROLL for (int i = 0; i < 2 * kVectors; ++i) sum[i] = hn::Load(kF64, sums + i * kDoubles);
  for (int64_t r = 0; r < rows.num_rows; ++r) {
    const char* row = rows.data + r * rows.stride_bytes;
    if constexpr (kAsks) following.Ask<kVectors * kBytes>();
    MOBA_UNROLL for (int v = 0; v < kVectors; ++v) {
      // Only a tile of one vector may reach beyond the row.
      AddElements<Way, kType>(row + v * kBytes, kVectors == 1 ? rows.channels : kLanes,
                              sum + 2 * v);
    }
  }
  MOBA_UNROLL for (int i = 0; i < 2 * kVectors; ++i) hn::Store(sum[i], kF64, sums + i * kDoubles);
  to_ask = following;
}

template <class Way, DType kType, bool kAsks, int kWidest = kSumVectors>
void SumTiles(const SourceRows& rows, double* sums) {
  const int64_t height = RowsAhead(rows.channels * core::SizeOf(kType));
  for (int64_t first = 0; first < rows.num_rows; first += height) {
    // Behind the last rows there are, most often, those of the next block.
    SourceRows next = rows;
    next.data += (first + height) * rows.stride_bytes;
    next.num_rows = height;
    Following following(next, 1);
    ForEachWidth<kWidest>(0, rows.channels, [&]<int kVectors>(int64_t channel) {
      SumTile<Way, kType, kAsks, kVectors>(rows.Part(first, height, channel), sums + channel,
                                           following);
    });
  }
}

// From front to back, whatever the number of channels: the sums pass through the first-level cache.
template <class Way, DType kType>
void SumWholeRows(const SourceRows& rows, double* HWY_RESTRICT sums) {
  for (int64_t r = 0; r < rows.num_rows; ++r) {
    const char* at = rows.data + r * rows.stride_bytes;
    for (int64_t c = 0; c < rows.channels; c += kLanes, at += kLanes * core::SizeOf(kType)) {
      hn::Vec<F64> sum[] = {hn::Load(kF64, sums + c), hn::Load(kF64, sums + c + kDoubles)};
      AddElements<Way, kType>(at, rows.channels - c, sum);
      hn::Store(sum[0], kF64, sums + c);
      hn::Store(sum[1], kF64, sums + c + kDoubles);
    }
  }
}

// The prefetching of AMD follows rows that follow each other; others are asked for.
template <class Way, DType kType>
void SumBlock(const SourceRows& rows, double* sums) {
  if constexpr (!Way::kAlwaysAsks) {
    if (rows.stride_bytes == rows.channels * core::SizeOf(kType)) {
      if (IsOneTile<kMostSumVectors>(rows.channels)) {
        return SumTiles<Way, kType, false, kMostSumVectors>(rows, sums);
      }
      // 16 bits take so long to widen that asking for them costs less than sums in memory do.
      if constexpr (kType == DType::kF32) {
        if (rows.channels <= kMostWholeChannels) return SumWholeRows<Way, kType>(rows, sums);
      }
    }
  }
  SumTiles<Way, kType, true>(rows, sums);
}

// even[0], odd[0], even[1], ...
HWY_INLINE V Alternate(HalfV even, HalfV odd) {
  const hn::Repartition<uint64_t, F32> pairs;
  const hn::RebindToUnsigned<hn::Half<F32>> bits;
  const auto lower = hn::PromoteTo(pairs, hn::BitCast(bits, even));
  const auto upper = hn::PromoteTo(pairs, hn::BitCast(bits, odd));
  return hn::BitCast(kF32, hn::Or(lower, hn::ShiftLeft<32>(upper)));
}

template <class Way, class Operand, DType kType>
void MeansOf(const SourceRows& source, int64_t num_heads, double* HWY_RESTRICT sums,
             float* HWY_RESTRICT means, int64_t head_stride) {
  SourceRows rows = source;
  rows.channels *= num_heads;
  std::fill(sums, sums + core::RoundUp(rows.channels, kMostLanes), 0.0);
  SumBlock<Way, kType>(rows, sums);
  const auto count = hn::Set(kF64, static_cast<double>(rows.num_rows));
  const auto inverse = hn::Div(hn::Set(kF64, 1.0), count);
  // Dividing takes many times as long, and gives the same bits.
  const bool multiplies = std::has_single_bit(static_cast<uint64_t>(rows.num_rows));
  const auto half_mean = [&](int64_t channel) {
    const auto sum = hn::Load(kF64, sums + channel);
    return hn::DemoteTo(kHalfF32, multiplies ? hn::Mul(sum, inverse) : hn::Div(sum, count));
  };
  for (int64_t head = 0; head < num_heads; ++head) {
    const int64_t first = head * source.channels;
    for (int64_t c = 0; c < source.channels; c += kLanes) {
      const HalfV lower = half_mean(first + c);
      const HalfV upper = half_mean(first + c + kDoubles);
      const bool alternate = Way::kOddApart && kType == DType::kBF16;
      const V both = alternate ? Alternate(lower, upper) : hn::Combine(kF32, upper, lower);
      Operand::template StoreMeans<kType>(both, c, means + head * head_stride);
    }
  }
}

template <class Way, class Operand>
void PackCentroids(const SourceRows& source, int64_t num_heads, double* sums, float* centroids,
                   int64_t head_stride) {
  switch (source.dtype) {
    case DType::kF32:
      return MeansOf<Way, Operand, DType::kF32>(source, num_heads, sums, centroids, head_stride);
    case DType::kF16:
      return MeansOf<Way, Operand, DType::kF16>(source, num_heads, sums, centroids, head_stride);
    case DType::kBF16:
      return MeansOf<Way, Operand, DType::kBF16>(source, num_heads, sums, centroids, head_stride);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
