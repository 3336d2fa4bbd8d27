// Packing of keys and values into the layouts of kernels.h. Storage types are widened to
// float here, once per key and kv head, for all query heads that share it.
//
// Keys are transposed, kLanes rows of four channels at a time, by 4 x 4 transposes within 128-bit
// blocks. Block b of a vector belongs to rows 4b .. 4b + 3.
#if defined(MOBA_CPU_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_PACK_INL_H_
#undef MOBA_CPU_PACK_INL_H_
#else
#define MOBA_CPU_PACK_INL_H_
#endif

#include <algorithm>

#include "cpu/convert-inl.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

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

// rows[kLanes] -> packed [channel][stride], for the first `count` of the four channels from
// `channel` on.
HWY_INLINE void PackChannels(const float* const* rows, int64_t channel, int64_t count,
                             int64_t stride, float* HWY_RESTRICT packed) {
  V block[4];
  MOBA_UNROLL for (int i = 0; i < 4; ++i) block[i] = LoadBlocks(kF32, rows + i, channel);
  TransposeBlocks(kF32, block);
  MOBA_UNROLL for (int i = 0; i < 4; ++i) {
    if (i < count) hn::Store(block[i], kF32, packed + (channel + i) * stride);
  }
}

// Rows side by side, [channel][row]; at most kSlab rows, and zeros up to a multiple of kLanes.
void PackSlab(const SourceRows& source, float* widened, float* packed) {
  const int64_t padded = core::RoundUp(source.channels, 4);
  const int64_t stride = core::RoundUp(source.num_rows, kLanes);
  for (int64_t first = 0; first < stride; first += kLanes) {
    const float* rows[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) {
      float* scratch = widened + i * padded;
      if (first + i < source.num_rows) {
        rows[i] = FloatRow(source.dtype, source.data + (first + i) * source.stride_bytes,
                           source.channels, 4, scratch);
      } else {
        std::fill(scratch, scratch + padded, 0.0f);
        rows[i] = scratch;
      }
    }
    int64_t channel = 0;
    for (; channel + 4 <= source.channels; channel += 4) {
      PackChannels(rows, channel, 4, stride, packed + first);
    }
    if (channel < source.channels) {
      PackChannels(rows, channel, source.channels - channel, stride, packed + first);
    }
  }
}

void PackKeys(const SourceRows& source, float* widened, float* packed) {
  for (int64_t first = 0; first < source.num_rows; first += kSlab) {
    PackSlab(source.Part(first, kSlab), widened, packed + first * source.channels);
  }
}

// Copies the key's channels, slab by slab; false when one of them is NaN or infinite.
HWY_INLINE bool PackValueRow(const float* row, int64_t channels, int64_t num_keys, int64_t key,
                             float* HWY_RESTRICT packed) {
  V check = hn::Zero(kF32);
  for (int64_t slab = 0; slab < channels; slab += kSlab) {
    const int64_t width = std::min(kSlab, channels - slab);
    float* out = packed + slab * num_keys + key * width;
    for (int64_t channel = 0; channel < width; channel += kLanes) {
      const V value = hn::LoadU(kF32, row + slab + channel);
      check = hn::MulAdd(value, hn::Zero(kF32), check);
      hn::Store(value, kF32, out + channel);
    }
  }
  return hn::AllTrue(kF32, hn::Eq(check, check));
}

void PackValues(const SourceRows& source, float* widened, float* packed, uint8_t* finite) {
  const int64_t padded = (source.channels + kLanes - 1) / kLanes * kLanes;
  for (int64_t first = 0; first < source.num_rows; first += kStepKeys) {
    const int64_t num_keys = std::min(kStepKeys, source.num_rows - first);
    bool all_finite = true;
    for (int64_t key = 0; key < num_keys; ++key) {
      const char* data = source.data + (first + key) * source.stride_bytes;
      const float* row = FloatRow(source.dtype, data, source.channels, kLanes, widened);
      all_finite &= PackValueRow(row, padded, num_keys, key, packed + first * padded);
    }
    *finite++ = all_finite;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
