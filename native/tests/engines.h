// Engines shared by all tests, and owners for the handles of moba.h.
#ifndef MOBA_TESTS_ENGINES_H_
#define MOBA_TESTS_ENGINES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "moba/moba.h"

namespace moba_test {

// Stands for the CUDA backend where otherwise an instruction set of the CPU backend is named.
inline constexpr int32_t kCudaTarget = 100;

// Instruction sets of the CPU backend that build and processor offer; or, when the environment
// names a library of the CUDA backend (MOBA_CUDA_LIBRARY), that backend alone.
std::vector<int32_t> AvailableTargets();

// "baseline", "avx2", ..: part of test names.
std::string TargetName(int32_t target);

// An engine made on first use and destroyed after the last test.
const moba_engine* SharedEngine(int32_t target, int32_t threads = 2);

// Whether the slow tests should choose a small part of their cases (MOBA_TESTS_REDUCED=1).
bool Reduced();

// Makes an engine, or throws with the library's sentence; expects that it can be destroyed.
class OwnedEngine {
 public:
  OwnedEngine(int32_t target, int32_t threads);
  ~OwnedEngine();
  OwnedEngine(const OwnedEngine&) = delete;
  OwnedEngine& operator=(const OwnedEngine&) = delete;

  moba_engine* get() const { return engine_; }
  // Hands the handle over to the caller.
  moba_engine* Release();

 private:
  moba_engine* engine_ = nullptr;
};

// Makes a plan, or throws with the library's sentence; expects that it can be destroyed.
class OwnedPlan {
 public:
  OwnedPlan(const moba_engine* engine, const moba_plan_config& config);
  ~OwnedPlan();
  OwnedPlan(const OwnedPlan&) = delete;
  OwnedPlan& operator=(const OwnedPlan&) = delete;

  moba_plan* get() const { return plan_; }
  int64_t WorkspaceBytes() const;

 private:
  moba_plan* plan_ = nullptr;
};

}  // namespace moba_test

#endif  // MOBA_TESTS_ENGINES_H_
