// Full attention as cuDNN takes it (docs/cuda.md): long, whole tiles, runs as large as their plan.
// The CUDA backend has other kernels for it where there is no cuDNN; the same is expected of them.
#include <gtest/gtest.h>

#include <cmath>

#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

std::vector<GridCase> Cases() {
  std::vector<GridCase> cases;
  const auto add = [&](const std::string& name, const Problem& problem, const RunOptions& run) {
    cases.push_back({DtypeName(problem.dtype) + Name("_D", problem.head_dim) + name, problem, run});
  };
  const Lengths few = {128, 2048};
  const Problem two = MakeProblem(MOBA_BF16, 16, 1, 64, {few, few}, FullAttention());
  add("_batched", two, {.arrangement = Arrangement::kHeadMajor, .batch_axis = true});
  add("_packed", two, {});
  for (int32_t dtype : {MOBA_BF16, MOBA_F16}) {
    add("_fewer_queries_than_keys", MakeProblem(dtype, 16, 1, 128, {few}, FullAttention()), {});
    add("_square", MakeProblem(dtype, 1, 1, 64, {{2048, 2048}}, FullAttention()), {});
  }
  Problem bidirectional = MakeProblem(MOBA_F16, 16, 1, 128, {few}, FullAttention());
  bidirectional.options.causal = 0;
  add("_bidirectional", bidirectional, {});
  add("_groups", MakeProblem(MOBA_F16, 16, 2, 64, {{256, 2176}}, FullAttention()), {});
  add("_all_blocks", MakeProblem(MOBA_BF16, 16, 1, 64, {few}, BlockSparse(1000, 3)), {});
  return cases;
}

class Dense : public GridTest {
 protected:
  void SetUp() override {
    problem_ = Case().problem;
    Randomize(&problem_, 5);
  }

  Problem problem_;
};

TEST_P(Dense, MatchesOracle) { ExpectRightForward(Engine(), problem_, Case().run); }

// Causal rows before these keys do not see them.
TEST_P(Dense, MatchesOracleWithValuesThatAreNoNumbers) {
  const int64_t end = problem_.sequences[0].k;
  problem_.V(end - 5, 0, 3) = std::nan("");
  problem_.K(end - 40, 0, 7) = std::nan("");
  problem_.Q(1, 0, 0) = std::nan("");
  const Outcome outcome = Attend(Engine(), problem_, Case().run);
  ExpectRightAttention(problem_, nullptr, outcome);
}

TEST_P(Dense, IsForCudnnWhereThereIsOne) {
  moba_engine_info engine = {};
  engine.struct_size = sizeof engine;
  ASSERT_EQ(moba_engine_get_info(Engine(), &engine), MOBA_OK);
  const std::string device = engine.device;
  if (device.find("cuDNN") == std::string::npos ||
      device.find("own kernels") != std::string::npos) {
    GTEST_SKIP() << "no cuDNN: " << device;
  }
  const Call call(problem_, Operation::kAttend, Case().run);
  const OwnedPlan plan(Engine(), call.config);
  moba_plan_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(moba_plan_get_info(plan.get(), &info), MOBA_OK);
  EXPECT_NE(std::string(info.kernels).find("attention by cuDNN where"), std::string::npos)
      << info.kernels;
}

MOBA_INSTANTIATE_GRID(, Dense, Cases());

}  // namespace
}  // namespace moba_test
