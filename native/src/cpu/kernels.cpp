// Compiles the kernels for every SIMD target and finds out which of them this processor can run.
// Highway's headers are all that is used of it: no library is linked, dispatch is the table below.
#include "cpu/kernels.h"

// Targets that no processor without a better one needs, or whose vectors have no fixed size.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
// The portable target runs on emulated 128-bit vectors. Highway avoids them with GCC before 12.3
// for the sake of 16-bit high multiplication (GCC bug 106322), which is not used here.
#ifndef HWY_BROKEN_EMU128
#define HWY_BROKEN_EMU128 0
#endif
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "cpu/centroid-inl.h"
#include "cpu/decode-inl.h"
#include "cpu/pack-inl.h"
#include "cpu/route-inl.h"
#include "cpu/rows-inl.h"
#include "cpu/visit-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moba::cpu {
namespace HWY_NAMESPACE {

static_assert(kLanes <= kMostLanes && kSlab <= kMostSlab && kPanelRows <= kMostSlab &&
              kPanelRows % kLanes == 0 && kPanelRows % kTileRows == 0 && kStepKeys % kSlab == 0);

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
using MeansOfAmd = ByRegisters;
#else
using MeansOfAmd = ByMemory;
#endif

template <class Operand>
constexpr Kernels Table(const char* name, const Kernels* of_bf16_pairs) {
  return {name,
          kLanes,
          kSlab,
          PackKeys<Operand>,
          PackValues<Operand>,
          PackCentroids<ByMemory, Operand>,
          PackCentroids<MeansOfAmd, Operand>,
          Route<Operand>,
          Visit<Operand>,
          Decode,
          MergeParts,
          FinishRow,
          BlendRow,
          of_bf16_pairs};
}

extern const Kernels kKernels;
#if HWY_TARGET == HWY_AVX3
constexpr Kernels kBf16Kernels = Table<Bf16Pairs>("cpu/avx512 bf16 pairs", nullptr);
constexpr Kernels kKernels = Table<Floats>("cpu/avx512", &kBf16Kernels);
#elif HWY_TARGET == HWY_AVX2
constexpr Kernels kKernels = Table<Floats>("cpu/avx2", nullptr);
#elif HWY_ARCH_ARM_A64
constexpr Kernels kKernels = Table<Floats>("cpu/neon", nullptr);
#else
constexpr Kernels kKernels = Table<Floats>("cpu/baseline", nullptr);
#endif

}  // namespace HWY_NAMESPACE
}  // namespace moba::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#if HWY_ARCH_X86
#include <cpuid.h>
#endif

namespace moba::cpu {

#if HWY_ARCH_X86
namespace {

// Clang 14 does not know the name for __builtin_cpu_supports.
bool HasF16c() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

}  // namespace
#endif

const Kernels* CompiledKernels(Target target) {
  switch (target) {
#if HWY_TARGETS & HWY_AVX3
    case Target::kAvx512:
      return &N_AVX3::kKernels;
#endif
#if HWY_TARGETS & HWY_AVX2
    case Target::kAvx2:
      return &N_AVX2::kKernels;
#endif
#if HWY_ARCH_ARM_A64
    case Target::kNeon:
      return &HWY_STATIC_DISPATCH(kKernels);
#else
    case Target::kBaseline:
      return &HWY_STATIC_DISPATCH(kKernels);
#endif
    default:
      return nullptr;
  }
}

bool ProcessorIsOfAmd() {
#if HWY_ARCH_X86
  return __builtin_cpu_is("amd");
#else
  return false;
#endif
}

PairsOfBf16 ProcessorPairsOfBf16() {
#if HWY_ARCH_X86
  // AMD's processors do as many of these sums as multiply-adds of floats, Intel's half as many.
  if (__builtin_cpu_supports("avx512bf16")) {
    return ProcessorIsOfAmd() ? PairsOfBf16::kFaster : PairsOfBf16::kSlower;
  }
#endif
  return PairsOfBf16::kNone;
}

bool ProcessorSupports(Target target) {
  switch (target) {
#if HWY_ARCH_X86
    case Target::kAvx512:
      return ProcessorSupports(Target::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case Target::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && HasF16c() &&
             __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#endif
    default:
      return CompiledKernels(target) != nullptr;
  }
}

}  // namespace moba::cpu
#endif  // HWY_ONCE
