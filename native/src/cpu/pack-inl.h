// Packing of keys and values into the layouts of kernels.h. Storage types are widened to
// float here, once per key and kv head, for all query heads that share it.
//
// Keys are transposed, kLanes rows of four words at a time, by 4 x 4 transposes within 128-bit
// blocks. Block b of a vector belongs to rows 4b .. 4b + 3.
#if defined(MOBA_CPU_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_PACK_INL_H_
#undef MOBA_CPU_PACK_INL_H_
#else
#define MOBA_CPU_PACK_INL_H_
#endif

#include <algorithm>

#include "cpu/ahead-inl.h"
#include "cpu/kernels.h"
#include "cpu/operand-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

// Four words of rows r, r + 4, r + 8, ... side by side.
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
HWY_INLINE void TransposeBlocks(V (&v)[4]) {
  const hn::RepartitionToWide<F32> wide;
  const auto low01 = hn::BitCast(wide, hn::InterleaveLower(kF32, v[0], v[1]));
  const auto low23 = hn::BitCast(wide, hn::InterleaveLower(kF32, v[2], v[3]));
  const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(kF32, v[0], v[1]));
  const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(kF32, v[2], v[3]));
  v[0] = hn::BitCast(kF32, hn::InterleaveLower(wide, low01, low23));
  v[1] = hn::BitCast(kF32, hn::InterleaveUpper(wide, low01, low23));
  v[2] = hn::BitCast(kF32, hn::InterleaveLower(wide, high01, high23));
  v[3] = hn::BitCast(kF32, hn::InterleaveUpper(wide, high01, high23));
}

// rows[kLanes] -> packed [word][stride], for the first `count` of the four words from `word` on.
HWY_INLINE void PackWords(const float* const* rows, int64_t word, int64_t count, int64_t stride,
                          float* HWY_RESTRICT packed) {
  V block[4];
  MOBA_UNROLL for (int i = 0; i < 4; ++i) block[i] = LoadBlocks(kF32, rows + i, word);
  TransposeBlocks(block);
  MOBA_UNROLL for (int i = 0; i < 4; ++i) {
    if (i < count) hn::Store(block[i], kF32, packed + (word + i) * stride);
  }
}

// Rows side by side, [word][row]; at most kSlab rows, and zeros up to a multiple of kLanes. Written
// from front to back, while the rows behind are asked for, which most often are the next slab's.
template <class Operand>
void PackSlab(const SourceRows& source, float* widened, float* packed) {
  const int64_t words = Words<Operand>(source.channels);
  const int64_t padded = core::RoundUp(words, 4);
  const int64_t stride = core::RoundUp(source.num_rows, kLanes);
  const float* rows[kSlab];
  for (int64_t i = 0; i < stride; ++i) {
    float* const scratch = widened + i * padded;
    if (i < source.num_rows) {
      rows[i] = Operand::Row(source.dtype, source.data + i * source.stride_bytes, source.channels,
                             4, scratch);
    } else {
      std::fill(scratch, scratch + padded, 0.0f);
      rows[i] = scratch;
    }
  }
  const Wanted behind[] = {{.data = source.data + source.num_rows * source.stride_bytes,
                            .stride_bytes = source.stride_bytes,
                            .bytes = source.channels * core::SizeOf(source.dtype),
                            .rows = nullptr,
                            .count = source.num_rows}};
  Ahead ahead(behind, core::CeilDiv(words, 4));
  for (int64_t word = 0; word < words; word += 4) {
    ahead.Ask();
    for (int64_t first = 0; first < stride; first += kLanes) {
      if (word + 4 <= words) {
        PackWords(rows + first, word, 4, stride, packed + first);
      } else {
        PackWords(rows + first, word, words - word, stride, packed + first);
      }
    }
  }
}

template <class Operand>
void PackKeys(const SourceRows& source, float* widened, float* packed) {
  const int64_t words = Words<Operand>(source.channels);
  for (int64_t first = 0; first < source.num_rows; first += kSlab) {
    PackSlab<Operand>(source.Part(first, kSlab), widened, packed + first * words);
  }
}

// Joins a word's keys, slab by slab; false when one of their channels is NaN or infinite.
template <class Operand>
HWY_INLINE bool PackValueWord(const float* const* rows, int64_t channels, int64_t num_words,
                              int64_t word, float* HWY_RESTRICT packed) {
  V check = hn::Zero(kF32);
  for (int64_t slab = 0; slab < channels; slab += kSlab) {
    const int64_t width = std::min(kSlab, channels - slab);
    float* out = packed + slab * num_words + word * width;
    for (int64_t channel = 0; channel < width; channel += kLanes) {
      hn::Store(Operand::Join(rows, slab + channel, check), kF32, out + channel);
    }
  }
  return hn::AllTrue(kF32, hn::Eq(check, check));
}

template <class Operand>
void PackValues(const SourceRows& source, float* widened, float* packed, uint8_t* finite) {
  constexpr int64_t kPerWord = Operand::kPerWord;
  const int64_t padded = core::RoundUp(source.channels, kLanes);
  for (int64_t first = 0; first < source.num_rows; first += kStepKeys) {
    const int64_t num_keys = std::min(kStepKeys, source.num_rows - first);
    bool all_finite = true;
    for (int64_t key = 0; key < num_keys; key += kPerWord) {
      const float* rows[kPerWord];
      for (int64_t i = 0; i < kPerWord; ++i) {
        float* const scratch = widened + i * padded;
        if (key + i < num_keys) {
          const char* data = source.data + (first + key + i) * source.stride_bytes;
          rows[i] = FloatRow(source.dtype, data, source.channels, kLanes, scratch);
        } else {
          std::fill(scratch, scratch + padded, 0.0f);
          rows[i] = scratch;
        }
      }
      all_finite &= PackValueWord<Operand>(rows, padded, Words<Operand>(num_keys), key / kPerWord,
                                           packed + Words<Operand>(first) * padded);
    }
    *finite++ = all_finite;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
