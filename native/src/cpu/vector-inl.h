// The vector type all kernels share, and the few operations Highway leaves open.
#if defined(MOBA_CPU_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_VECTOR_INL_H_
#undef MOBA_CPU_VECTOR_INL_H_
#else
#define MOBA_CPU_VECTOR_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#if HWY_ARCH_X86
#include <immintrin.h>
#endif

#if HWY_TARGET == HWY_AVX3
// Kernels that multiply pairs of bf16 are told apart by the table they are in, not by a target.
#undef HWY_TARGET_STR
#define HWY_TARGET_STR HWY_TARGET_STR_AVX3 ",avx512bf16"
#endif

#ifndef MOBA_UNROLL
// Register tiles are arrays of vectors: a loop over one must be unrolled, or the array stays in
// memory.
#define MOBA_UNROLL _Pragma("GCC unroll 16")
#endif

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = HWY_CAPPED(float, 16);
using I32 = hn::RebindToSigned<F32>;
using V = hn::Vec<F32>;
inline constexpr F32 kF32{};
inline constexpr I32 kI32{};
inline constexpr int64_t kLanes = HWY_MIN(16, HWY_LANES(float));

// The register tile: kTileRows rows x kTileVectors vectors of columns. Its accumulators and
// operands fill the registers.
#if HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr int kRegisters = 32;
inline constexpr int kTileVectors = 4;
#else
inline constexpr int kRegisters = 16;
inline constexpr int kTileVectors = 2;
#endif
// Columns that are packed side by side, keys as well as channels of values.
inline constexpr int64_t kSlab = kTileVectors * kLanes;

// Calls tile.template operator()<kVectors>(first_channel) for tiles that cover all channels, widest
// first.
template <int kVectors, class Tile>
HWY_INLINE void ForEachWidth(int64_t first, int64_t num_channels, const Tile& tile) {
  constexpr int64_t kFewest = kVectors == 1 ? 1 : kVectors * kLanes;
  for (; num_channels - first >= kFewest; first += kVectors * kLanes) {
    tile.template operator()<kVectors>(first);
  }
  if constexpr (kVectors > 1) ForEachWidth<kVectors / 2>(first, num_channels, tile);
}

// Whether ForEachWidth covers the channels by one tile of whole vectors, or by one part of a vector
// that divides it: other parts are one tile as well, and are not counted.
template <int kVectors>
constexpr bool IsOneTile(int64_t num_channels) {
  return kVectors * kLanes % num_channels == 0;
}

// Keeps a loaded operand in its register: without it GCC reloads it for each multiplication. And an
// accumulator: without it GCC copies it from one to another.
HWY_INLINE void KeepInRegister(V& v) {
#if HWY_TARGET == HWY_AVX2
  asm("" : "+x"(v.raw));
#elif HWY_TARGET == HWY_AVX3
  asm("" : "+v"(v.raw));
#elif HWY_ARCH_ARM_A64
  asm("" : "+w"(v.raw));
#else
  (void)v;
#endif
}

// Keeps an operand's register until here: GCC would put a result into it, which is then copied back
// in the next round.
HWY_INLINE void KeepUntilHere(const V& v) {
#if HWY_TARGET == HWY_AVX2
  asm volatile("" : : "x"(v.raw));
#elif HWY_TARGET == HWY_AVX3
  asm volatile("" : : "v"(v.raw));
#elif HWY_ARCH_ARM_A64
  asm volatile("" : : "w"(v.raw));
#else
  (void)v;
#endif
}

// 1 + c1 x + c2 x^2 + ... + c5 x^5.
HWY_INLINE V Polynomial(V x, float c1, float c2, float c3, float c4, float c5) {
  V p = hn::Set(kF32, c5);
  p = hn::MulAdd(p, x, hn::Set(kF32, c4));
  p = hn::MulAdd(p, x, hn::Set(kF32, c3));
  p = hn::MulAdd(p, x, hn::Set(kF32, c2));
  p = hn::MulAdd(p, x, hn::Set(kF32, c1));
  return hn::MulAdd(p, x, hn::Set(kF32, 1.0f));
}

// 2^x for x <= 0 (a hair above is fine), by a degree 5 minimax polynomial. Below 2^-126 the result
// is exactly 0, so is that of -inf; NaN stays NaN.
#if HWY_TARGET == HWY_AVX3
// On [0, 1), relative error 8.3e-8 and rounding. The processor takes the fraction and scales.
HWY_INLINE V Exp2(V x) {
  const V fraction{_mm512_reduce_ps(x.raw, _MM_FROUND_TO_NEG_INF)};
  const V p = Polynomial(fraction, 6.931512951850891e-1f, 2.4016444385051727e-1f,
                         5.579991266131401e-2f, 9.017029777169228e-3f, 1.8671301659196615e-3f);
  const __mmask16 not_tiny = _mm512_cmp_ps_mask(x.raw, _mm512_set1_ps(-126.0f), _CMP_NLT_UQ);
  return V{_mm512_maskz_scalef_ps(not_tiny, p.raw, x.raw)};
}
#else
// On [-1/2, 1/2], relative error 9.2e-8 and rounding.
HWY_INLINE V Exp2(V x) {
  // Adding 1.5 * 2^23 rounds x to an integer in the low mantissa bits; 127 more is the exponent
  // bias.
  const V magic = hn::Set(kF32, 12582912.0f + 127.0f);
  const V shifted = hn::Add(x, magic);
  const V fraction = hn::Sub(x, hn::Sub(shifted, magic));
  const V p = Polynomial(fraction, 6.931469440460205e-1f, 2.4022120237350464e-1f,
                         5.550713092088699e-2f, 9.675540961325169e-3f, 1.3276472454890609e-3f);
  const V power = hn::BitCast(kF32, hn::ShiftLeft<23>(hn::BitCast(kI32, shifted)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(kF32, -126.0f)), hn::Mul(p, power));
}
#endif

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
