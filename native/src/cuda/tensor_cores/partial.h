// Attention of one query to one block of keys, kept until it is merged with that to other blocks:
// the normalised output and log2 of the sum of 2^(scale s).
//
// For fp16 outputs it is fp32. For bf16, half of that: 8 neighbouring channels share an exponent,
// each has 16 bits. Plain fp16 would break the bounds of section 6, of twice the yardstick, where
// blocks cancel each other; what this and fp16 make there is in native/tests/cuda/partial_test.cpp.
//
// The four threads that share a row in an accumulator (pack.h) hold channels 8 i + 2 t, + 1. Memory
// has them in the order in which threads hold them, so that each moves 16 bytes at once, and the
// four 64.
#pragma once

#include "cuda/tensor_cores/finite.h"
#include "cuda/tensor_cores/partial_memory.h"

namespace moba::cuda {

MOBA_THREAD uint32_t BitsOf(float value) {
#ifdef __CUDACC__
  return __float_as_uint(value);
#else
  return std::bit_cast<uint32_t>(value);
#endif
}
MOBA_THREAD float FloatOf(uint32_t bits) {
#ifdef __CUDACC__
  return __uint_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

template <class Element, int kHeadDim>
struct Partial;

template <int kHeadDim>
struct Partial<F16, kHeadDim> {
  static constexpr int kPieces = kHeadDim / 16;  // of a thread
  static constexpr int kExponentWords = 0;

  // Channels of row kRow (0 or 1) of the accumulator, times `factor`.
  template <int kRow, int kRegisters>
  MOBA_THREAD static void Write(const PartialMemory& memory, int64_t index, int quarter,
                                const float (&o)[kRegisters], float factor) {
    Words* const row = memory.values + index * (kHeadDim / 4) + quarter;
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      Words piece;
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        piece.word[e] = BitsOf(o[8 * i + e / 2 * 4 + 2 * kRow + e % 2] * factor);
      }
      row[4 * i] = piece;
    }
  }

  // o += weight * partial.
  template <int kRow, int kRegisters>
  MOBA_THREAD static void Add(const PartialMemory& memory, int64_t index, int quarter, float weight,
                              float (&o)[kRegisters]) {
    const Words* const row = memory.values + index * (kHeadDim / 4) + quarter;
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      if (i % 4 == 0) KeepOrder();  // more loads ahead would take too many registers
      const Words piece = row[4 * i];
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        float& channel = o[8 * i + e / 2 * 4 + 2 * kRow + e % 2];
        channel = fmaf(weight, FloatOf(piece.word[e]), channel);
      }
    }
  }
};

template <int kHeadDim>
struct Partial<BF16, kHeadDim> {
  static constexpr int kPieces = kHeadDim / 32;
  static constexpr int kExponentWords = (kPieces + 3) / 4;  // of a thread

  template <int kRow, int kRegisters>
  MOBA_THREAD static void Write(const PartialMemory& memory, int64_t index, int quarter,
                                const float (&o)[kRegisters], float factor) {
    Words* const row = memory.values + index * (kHeadDim / 8) + quarter;
    uint32_t exponents[kExponentWords] = {};
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      float most = 0;
      bool number = true;
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        const float value = o[Place(i, e, kRow)] * factor;
        most = fmaxf(most, fabsf(value));
        number = number && value == value;
      }
      const uint32_t exponent =
          number ? std::max(BitsOf(most) >> 23, uint32_t{kLeastExponent}) : kNoNumber;
      exponents[i / 4] |= exponent << (i % 4 * 8);
      // Integers below 2^15, also when rounded. Not a number, or infinite: 0 times infinity.
      const float to_integer =
          exponent == kNoNumber ? 0.0f : FloatOf((268 - exponent) << 23) * (32767.0f / 32768.0f);
      Words piece;
#pragma unroll
      for (int pair = 0; pair < 4; ++pair) {
        const auto integer = [&](int e) {
          const float value = o[Place(i, 2 * pair + e, kRow)] * factor;
          return exponent == kNoNumber ? 0 : BitsOf(fmaf(value, to_integer, kRounder)) & 0xffff;
        };
        piece.word[pair] = integer(0) | integer(1) << 16;
      }
      row[4 * i] = piece;
    }
#pragma unroll
    for (int i = 0; i < kExponentWords; ++i) {
      memory.exponents[(index * 4 + quarter) * kExponentWords + i] = exponents[i];
    }
  }

  template <int kRow, int kRegisters>
  MOBA_THREAD static void Add(const PartialMemory& memory, int64_t index, int quarter, float weight,
                              float (&o)[kRegisters]) {
    const Words* const row = memory.values + index * (kHeadDim / 8) + quarter;
    const uint32_t* const exponents = memory.exponents + (index * 4 + quarter) * kExponentWords;
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
      if (i % 4 == 0) KeepOrder();  // more loads ahead would take too many registers
      const Words piece = row[4 * i];
      const uint32_t exponent = exponents[i / 4] >> (i % 4 * 8) & 0xff;
      const float scale = exponent == kNoNumber
                              ? FloatOf(kNoNumber << 23)
                              : FloatOf((exponent - 14) << 23) * (32768.0f / 32767.0f);
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        // The 16 bits as a number above 2^23, less the offset.
        const uint32_t biased = (piece.word[e / 2] >> (e % 2 * 16) & 0xffff) ^ 0x8000;
        const float integer = FloatOf(0x4b000000 | biased) - (8388608.0f + 32768.0f);
        float& channel = o[Place(i, e, kRow)];
        channel = fmaf(weight * scale, integer, channel);
      }
    }
  }

 private:
  static constexpr uint32_t kNoNumber = 255;
  static constexpr uint32_t kLeastExponent = 15;  // smaller groups are multiples of 2^-126
  static constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: a sum has integers in its low bits

  // Channel e of the thread's group i in the accumulator.
  MOBA_THREAD static constexpr int Place(int i, int e, int row) {
    return 4 * (4 * i + e / 2) + 2 * row + e % 2;
  }
};

}  // namespace moba::cuda
