// Rows of storage elements to float and back. Nothing beyond the row is read or written.
#if defined(MOBA_CPU_CONVERT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBA_CPU_CONVERT_INL_H_
#undef MOBA_CPU_CONVERT_INL_H_
#else
#define MOBA_CPU_CONVERT_INL_H_
#endif

#include <cstring>

#include "core/dtype.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

using core::DType;

HWY_INLINE V LoadF16(const uint16_t* source) {
#if HWY_TARGET != HWY_EMU128
  const hn::Rebind<hwy::float16_t, F32> half;
  return hn::PromoteTo(kF32, hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(source)));
#else
  alignas(64) float floats[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) floats[i] = core::FloatFromF16(source[i]);
  return hn::Load(kF32, floats);
#endif
}

HWY_INLINE V LoadBF16(const uint16_t* source) {
  const hn::Rebind<uint16_t, F32> half;
  const hn::RebindToUnsigned<F32> whole;
  const auto bits = hn::PromoteTo(whole, hn::LoadU(half, source));
  return hn::BitCast(kF32, hn::ShiftLeft<16>(bits));
}

// One vector of elements of a type that is known, as floats.
template <DType kType>
HWY_INLINE V LoadFloats(const char* source) {
  if constexpr (kType == DType::kF16) return LoadF16(reinterpret_cast<const uint16_t*>(source));
  if constexpr (kType == DType::kBF16) return LoadBF16(reinterpret_cast<const uint16_t*>(source));
  return hn::LoadU(kF32, reinterpret_cast<const float*>(source));
}

HWY_INLINE void WidenF16(const uint16_t* source, int64_t count, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(LoadF16(source + i), kF32, out + i);
  for (; i < count; ++i) out[i] = core::FloatFromF16(source[i]);
}

HWY_INLINE void WidenBF16(const uint16_t* source, int64_t count, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(LoadBF16(source + i), kF32, out + i);
  for (; i < count; ++i) out[i] = core::FloatFromBF16(source[i]);
}

// Writes `count` floats and zeros up to `padded`.
HWY_INLINE void WidenRow(DType dtype, const char* source, int64_t count, int64_t padded,
                         float* out) {
  const auto* halves = reinterpret_cast<const uint16_t*>(source);
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out, source, static_cast<size_t>(count) * 4);
      break;
    case DType::kF16:
      WidenF16(halves, count, out);
      break;
    case DType::kBF16:
      WidenBF16(halves, count, out);
      break;
  }
  for (int64_t i = count; i < padded; ++i) out[i] = 0.0f;
}

// The row as floats, readable up to the next multiple of `multiple` channels: the row itself where
// it already is that, otherwise `widened` after filling it.
HWY_INLINE const float* FloatRow(DType dtype, const char* source, int64_t channels,
                                 int64_t multiple, float* widened) {
  if (dtype == DType::kF32 && channels % multiple == 0) {
    return reinterpret_cast<const float*>(source);
  }
  WidenRow(dtype, source, channels, (channels + multiple - 1) / multiple * multiple, widened);
  return widened;
}

// The lanes of v as f16 or bf16, as core::F16FromFloat and core::BF16FromFloat round them.
HWY_INLINE void StoreF16(V v, uint16_t* out) {
#if HWY_TARGET != HWY_EMU128
  const hn::Rebind<hwy::float16_t, F32> half;
  hn::Store(hn::DemoteTo(half, v), half, reinterpret_cast<hwy::float16_t*>(out));
#else
  alignas(64) float floats[kLanes];
  hn::Store(v, kF32, floats);
  for (int64_t i = 0; i < kLanes; ++i) out[i] = core::F16FromFloat(floats[i]);
#endif
}

HWY_INLINE void StoreBF16(V v, uint16_t* out) {
  const hn::RebindToUnsigned<F32> whole;
  const hn::Rebind<uint16_t, F32> half;
  const auto bits = hn::BitCast(whole, v);
  const auto upper = hn::ShiftRight<16>(bits);
  const auto odd = hn::And(upper, hn::Set(whole, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(whole, 0x7FFF))));
  const auto quiet = hn::Or(upper, hn::Set(whole, 0x40));
  const auto is_number = hn::RebindMask(whole, hn::Eq(v, v));
  const auto narrow = hn::BitCast(kI32, hn::IfThenElse(is_number, rounded, quiet));
  hn::Store(hn::DemoteTo(half, narrow), half, out);
}

// Each lane as it would be after a store in that type.
template <DType kType>
HWY_INLINE V RoundedTo(V v) {
  if constexpr (kType == DType::kF32) return v;
  alignas(64) uint16_t halves[kLanes];
  if constexpr (kType == DType::kF16) StoreF16(v, halves);
  if constexpr (kType == DType::kBF16) StoreBF16(v, halves);
  return LoadFloats<kType>(reinterpret_cast<const char*>(halves));
}

// `count` elements as floats, zeros beyond; nothing else is read.
template <DType kType>
HWY_INLINE V LoadChannels(const char* source, int64_t count) {
  if (HWY_LIKELY(count >= kLanes)) return LoadFloats<kType>(source);
  alignas(64) float widened[kLanes];
  WidenRow(kType, source, count, kLanes, widened);
  return hn::Load(kF32, widened);
}

// Asks for memory that is read soon, for the second-level cache: the first is full.
HWY_INLINE void PrefetchSpan(const char* data, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(data + i, 0, 2);
}

// One vector of floats, the first `count` of them, in storage type.
HWY_INLINE void NarrowVector(DType dtype, V v, int64_t count, char* out) {
  alignas(64) uint16_t halves[kLanes];
  alignas(64) float floats[kLanes];
  switch (dtype) {
    case DType::kF32:
      if (count == kLanes) return hn::StoreU(v, kF32, reinterpret_cast<float*>(out));
      hn::Store(v, kF32, floats);
      std::memcpy(out, floats, static_cast<size_t>(count) * 4);
      return;
    case DType::kF16:
      StoreF16(v, halves);
      break;
    case DType::kBF16:
      StoreBF16(v, halves);
      break;
  }
  std::memcpy(out, halves, static_cast<size_t>(count) * 2);
}

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard
