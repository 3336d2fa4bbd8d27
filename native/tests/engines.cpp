#include "engines.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <utility>

namespace moba_test {
namespace {

std::map<std::pair<int32_t, int32_t>, std::unique_ptr<OwnedEngine>>& SharedEngines() {
  static std::map<std::pair<int32_t, int32_t>, std::unique_ptr<OwnedEngine>> engines;
  return engines;
}

class DestroySharedEngines : public testing::Environment {
 public:
  void TearDown() override { SharedEngines().clear(); }
};

const testing::Environment* const kDestroySharedEngines =
    testing::AddGlobalTestEnvironment(new DestroySharedEngines);

}  // namespace

std::vector<int32_t> AvailableTargets() {
  if (std::getenv("MOBA_CUDA_LIBRARY") != nullptr) return {kCudaTarget};
  std::vector<int32_t> targets;
  for (int32_t i = 0; i < moba_backend_count(); ++i) {
    moba_backend_info info = {};
    info.struct_size = sizeof info;
    if (moba_backend_get(i, &info) != MOBA_OK) continue;
    if (info.backend == MOBA_BACKEND_CPU && info.cpu_target != MOBA_CPU_AUTO && info.available) {
      targets.push_back(info.cpu_target);
    }
  }
  return targets;
}

std::string TargetName(int32_t target) {
  switch (target) {
    case MOBA_CPU_AUTO:
      return "auto";
    case MOBA_CPU_BASELINE:
      return "baseline";
    case MOBA_CPU_AVX2:
      return "avx2";
    case MOBA_CPU_AVX512:
      return "avx512";
    case MOBA_CPU_NEON:
      return "neon";
    case kCudaTarget:
      return "cuda";
  }
  return "target" + std::to_string(target);
}

const moba_engine* SharedEngine(int32_t target, int32_t threads) {
  std::unique_ptr<OwnedEngine>& engine = SharedEngines()[{target, threads}];
  if (engine == nullptr) engine = std::make_unique<OwnedEngine>(target, threads);
  return engine->get();
}

bool Reduced() {
  const char* value = std::getenv("MOBA_TESTS_REDUCED");
  return value != nullptr && std::string(value) == "1";
}

OwnedEngine::OwnedEngine(int32_t target, int32_t threads) {
  moba_engine_options options = {};
  options.struct_size = sizeof options;
  options.backend = target == kCudaTarget ? MOBA_BACKEND_CUDA : MOBA_BACKEND_CPU;
  options.cpu_target = target == kCudaTarget ? MOBA_CPU_AUTO : target;
  options.num_threads = target == kCudaTarget ? 0 : threads;
  if (moba_engine_create(&options, &engine_) != MOBA_OK) {
    throw std::runtime_error(std::string("moba_engine_create: ") + moba_last_error());
  }
}

OwnedEngine::~OwnedEngine() {
  EXPECT_EQ(moba_engine_destroy(engine_), MOBA_OK) << moba_last_error();
}

moba_engine* OwnedEngine::Release() { return std::exchange(engine_, nullptr); }

OwnedPlan::OwnedPlan(const moba_engine* engine, const moba_plan_config& config) {
  if (moba_plan_create(engine, &config, &plan_) != MOBA_OK) {
    throw std::runtime_error(std::string("moba_plan_create: ") + moba_last_error());
  }
}

OwnedPlan::~OwnedPlan() { EXPECT_EQ(moba_plan_destroy(plan_), MOBA_OK) << moba_last_error(); }

int64_t OwnedPlan::WorkspaceBytes() const {
  int64_t bytes = -1;
  EXPECT_EQ(moba_plan_workspace_bytes(plan_, &bytes), MOBA_OK) << moba_last_error();
  EXPECT_GE(bytes, 0);
  return bytes;
}

}  // namespace moba_test
