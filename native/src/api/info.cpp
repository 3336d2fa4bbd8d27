// Version, backends and CPU targets, as found on this machine.
#include <cstdio>
#include <iterator>

#include "api/cuda_library.h"
#include "api/processor.h"
#include "api/versioned.h"

namespace {

using moba::cpu::Target;

struct Entry {
  int32_t backend;
  Target target;
};

constexpr Entry kEntries[] = {
    {MOBA_BACKEND_CPU, Target::kAuto},     {MOBA_BACKEND_CPU, Target::kAvx512},
    {MOBA_BACKEND_CPU, Target::kAvx2},     {MOBA_BACKEND_CPU, Target::kNeon},
    {MOBA_BACKEND_CPU, Target::kBaseline}, {MOBA_BACKEND_CUDA, Target::kAuto},
};

moba_backend_info Describe(const Entry& entry) {
  moba_backend_info info = {};
  info.backend = entry.backend;
  info.cpu_target = static_cast<int32_t>(entry.target);
  if (entry.backend == MOBA_BACKEND_CUDA) {
    std::snprintf(info.name, sizeof info.name, "cuda");
    const moba::api::CudaLibrary& cuda = moba::api::Cuda();
    if (cuda.backend == nullptr) {
      std::snprintf(info.detail, sizeof info.detail, "%s", cuda.absence.c_str());
    } else {
      info.available = cuda.backend->describe(0, info.detail, sizeof info.detail);
    }
    return info;
  }
  std::snprintf(info.name, sizeof info.name, "%s", moba::api::TargetName(entry.target));
  if (entry.target == Target::kAuto) {
    char processor[128];
    moba::api::ProcessorName(processor, sizeof processor);
    info.available = 1;
    std::snprintf(info.detail, sizeof info.detail, "%s, uses %s", processor,
                  moba::api::TargetName(moba::api::BestTarget()));
    return info;
  }
  const char* missing = moba::api::WhyUnavailable(entry.target);
  info.available = missing == nullptr;
  std::snprintf(info.detail, sizeof info.detail, "%s",
                missing == nullptr ? moba::api::TargetDetail(entry.target) : missing);
  return info;
}

}  // namespace

extern "C" {

int32_t moba_abi_version(void) { return MOBA_ABI_VERSION; }

const char* moba_version(void) { return MOBA_VERSION; }

int32_t moba_backend_count(void) { return static_cast<int32_t>(std::size(kEntries)); }

int32_t moba_backend_get(int32_t index, moba_backend_info* info) {
  if (index < 0 || index >= moba_backend_count()) {
    return moba::api::Fail(MOBA_INVALID_ARGUMENT, "index is %d, expected 0 to %d", index,
                           moba_backend_count() - 1);
  }
  return moba::api::Guarded(
      [&] { return moba::api::WriteStruct("info", Describe(kEntries[index]), info); });
}

}  // extern "C"
