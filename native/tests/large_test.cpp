// Long rows, where fp32 sums drift.
#include <gtest/gtest.h>

#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

class LongRows : public TargetTest {
 protected:
  // A few queries at the end of many keys; every value has a mean of 1.
  Problem WithMeanOne(int64_t queries, int64_t keys) const {
    Problem problem;
    problem.head_dim = 16;
    problem.head_dim_v = 8;
    problem.sequences = {{queries, keys}};
    problem.options = FullAttention();
    Randomize(&problem, 13);
    for (double& value : problem.v) value = Round(1 + value / 8, problem.dtype);
    return problem;
  }
  const int64_t keys_ = Reduced() ? 20'000 : 200'000;
};

TEST_P(LongRows, OfFullAttentionDoNotDrift) {
  const Problem problem = WithMeanOne(1, keys_);
  ExpectRightAttention(problem, nullptr, Attend(Engine(), problem));
}

TEST_P(LongRows, OfManyQueriesDoNotDrift) {
  const Problem problem = WithMeanOne(27, keys_ / 10);
  ExpectRightAttention(problem, nullptr, Attend(Engine(), problem));
}

TEST_P(LongRows, WithEqualScoresDoNotDrift) {
  Problem problem = WithMeanOne(2, keys_);
  problem.q.assign(problem.q.size(), 0.0);
  ExpectRightAttention(problem, nullptr, Attend(Engine(), problem));
}

TEST_P(LongRows, OfTensorCoresDoNotDrift) {
  for (int32_t dtype : {MOBA_BF16, MOBA_F16}) {
    SCOPED_TRACE(DtypeName(dtype));
    Problem problem;
    problem.dtype = dtype;
    problem.head_dim = problem.head_dim_v = 64;
    problem.sequences = {{16, keys_ / 10}};
    problem.options = FullAttention();
    Randomize(&problem, 17);
    for (double& value : problem.v) value = Round(1 + value / 8, dtype);
    ExpectRightAttention(problem, nullptr, Attend(Engine(), problem));
    problem.options = BlockSparse(keys_ / 30, 3);
    const Outcome outcome = Attend(Engine(), problem);
    ExpectRightAttention(problem, &outcome.selection, outcome);
  }
}

// All terms of a sum alike: every addition rounds the same way.
TEST_P(LongRows, OfConstantValuesDoNotDrift) {
  for (const int64_t keys : {30, 100, 128, 512, 4100, 32768}) {
    SCOPED_TRACE(keys);
    Problem problem = WithMeanOne(2, keys);
    problem.head_dim_v = 96;
    for (double& value : problem.q) value *= 1e-4;
    problem.v.resize(keys * problem.head_dim_v);
    for (size_t i = 0; i < problem.v.size(); ++i) {
      const auto channel = static_cast<double>(i % problem.head_dim_v);
      problem.v[i] = Round(1 + (channel + 0.37) / 96, problem.dtype);
    }
    ExpectRightAttention(problem, nullptr, Attend(Engine(), problem));
  }
}

TEST_P(LongRows, OfManySelectedBlocksDoNotDrift) {
  Problem problem = WithMeanOne(1, keys_);
  problem.options = BlockSparse(64, keys_ / 64 - 7);
  const Outcome outcome = Attend(Engine(), problem);
  ExpectRightSelection(problem, outcome.selection);
  ExpectRightAttention(problem, &outcome.selection, outcome);
}

TEST_P(LongRows, OfOneHugeBlockDoNotDrift) {
  Problem problem = WithMeanOne(2, keys_);
  problem.options = BlockSparse(keys_ * 3 / 4, 1);
  const Outcome outcome = Attend(Engine(), problem);
  ExpectRightAttention(problem, &outcome.selection, outcome);
}

TEST_P(LongRows, HugeBlockSizeIsOneBlock) {
  Problem problem = WithMeanOne(40, 100);
  problem.options = BlockSparse(int64_t{1} << 40, 2);
  const Outcome outcome = Attend(Engine(), problem);
  ASSERT_EQ(outcome.selection.width, 1);
  ExpectRightAttention(problem, &outcome.selection, outcome);
}

MOBA_INSTANTIATE_TARGETS(LongRows);

}  // namespace
}  // namespace moba_test
