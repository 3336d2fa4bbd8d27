// Packing of keys and values into the layouts of kernels.h. Storage types are widened to
// float here, once per key and kv head, for all query heads that share it.
#if defined(MOBA_CPU_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_PACK_INL_H_
#undef MOBA_CPU_PACK_INL_H_
#else
#define MOBA_CPU_PACK_INL_H_
#endif

#include <algorithm>

#include "cpu/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// rows[kKeyTile] -> packed [channel][kKeyTile], for kCount of the four channels from `channel` on.
template <int kCount>
HWY_INLINE void PackChannels(const float* const* rows, int64_t channel,
                             float* HWY_RESTRICT packed) {
  constexpr HWY_CAPPED(float, kKeyTile) d;
  constexpr int64_t kWidth = hn::MaxLanes(d);
  MOBA_UNROLL for (int64_t first = 0; first < kKeyTile; first += kWidth) {
    hn::Vec<decltype(d)> block[4];
    MOBA_UNROLL for (int i = 0; i < 4; ++i) block[i] = LoadBlocks(d, rows + first + i, channel);
    TransposeBlocks(d, block);
    MOBA_UNROLL for (int i = 0; i < kCount; ++i) {
      hn::StoreU(block[i], d, packed + (channel + i) * kKeyTile + first);
    }
  }
}

// Rows are readable up to a multiple of four channels.
HWY_INLINE void PackTile(const float* const* rows, int64_t channels, float* HWY_RESTRICT packed) {
  int64_t channel = 0;
  for (; channel + 4 <= channels; channel += 4) PackChannels<4>(rows, channel, packed);
  switch (channels - channel) {
    case 3:
      return PackChannels<3>(rows, channel, packed);
    case 2:
      return PackChannels<2>(rows, channel, packed);
    case 1:
      return PackChannels<1>(rows, channel, packed);
    default:
      return;
  }
}

void PackKeys(const SourceRows& source, float* widened, float* packed) {
  const int64_t padded = (source.channels + 3) / 4 * 4;
  for (int64_t first = 0; first < source.num_rows; first += kKeyTile) {
    const float* rows[kKeyTile];
    for (int64_t i = 0; i < kKeyTile; ++i) {
      float* scratch = widened + i * padded;
      if (first + i < source.num_rows) {
        rows[i] = FloatRow(source.dtype, source.data + (first + i) * source.stride_bytes,
                           source.channels, 4, scratch);
      } else {
        std::fill(scratch, scratch + padded, 0.0f);
        rows[i] = scratch;
      }
    }
    PackTile(rows, source.channels, packed + first * source.channels);
  }
}

// Copies the key's channels, slab by slab; false when one of them is NaN or infinite.
HWY_INLINE bool PackValueRow(const float* row, int64_t channels, int64_t num_keys, int64_t key,
                             float* HWY_RESTRICT packed) {
  V check = hn::Zero(kF32);
  for (int64_t slab = 0; slab < channels; slab += kValueTile) {
    const int64_t width = std::min(kValueTile, channels - slab);
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
