#include "api/processor.h"

#include <cstdio>
#include <cstring>

namespace moba::api {

using cpu::Target;

cpu::Target BestTarget() {
  for (const Target target : {Target::kAvx512, Target::kAvx2, Target::kNeon}) {
    if (WhyUnavailable(target) == nullptr) return target;
  }
  return Target::kBaseline;
}

const char* TargetName(Target target) {
  switch (target) {
    case Target::kBaseline:
      return "cpu/baseline";
    case Target::kAvx2:
      return "cpu/avx2";
    case Target::kAvx512:
      return "cpu/avx512";
    case Target::kNeon:
      return "cpu/neon";
    case Target::kAuto:
      break;
  }
  return "cpu";
}

const char* WhyUnavailable(Target target) {
  if (cpu::CompiledKernels(target) == nullptr) {
    return "this build of libmoba is for another processor architecture";
  }
  if (cpu::ProcessorSupports(target)) return nullptr;
  return target == Target::kAvx512 ? "this processor lacks AVX-512 F, BW, CD, DQ or VL"
                                   : "this processor lacks AVX2, FMA, F16C, BMI or BMI2";
}

const char* TargetDetail(Target target) {
  switch (target) {
    case Target::kBaseline:
      return "portable code, no instruction set beyond the compiler's own";
    case Target::kAvx2:
      return "256-bit vectors: AVX2, FMA, F16C, BMI2";
    case Target::kAvx512:
      return "512-bit vectors: AVX-512 F, BW, CD, DQ, VL";
    case Target::kNeon:
      return "128-bit vectors: NEON (AArch64)";
    case Target::kAuto:
      break;
  }
  return "";
}

void ProcessorName(char* name, size_t size) {
  std::snprintf(name, size, "unknown processor");
  std::FILE* file = std::fopen("/proc/cpuinfo", "r");
  if (file == nullptr) return;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    const char* colon = std::strchr(line, ':');
    if (colon == nullptr || std::strncmp(line, "model name", 10) != 0) continue;
    const char* model = colon + 1 + std::strspn(colon + 1, " \t");
    std::snprintf(name, size, "%.*s", static_cast<int>(std::strcspn(model, "\n")), model);
    break;
  }
  std::fclose(file);
}

}  // namespace moba::api
