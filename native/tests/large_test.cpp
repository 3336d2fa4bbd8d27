// Long rows, where fp32 sums drift, and tensors whose offsets do not fit 32 bits.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <random>

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

// Address space without memory behind it, until it is written.
class SparseMemory {
 public:
  explicit SparseMemory(size_t size) : size_(size) {
    data_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  }
  ~SparseMemory() {
    if (data_ != MAP_FAILED) munmap(data_, size_);
  }
  SparseMemory(const SparseMemory&) = delete;
  SparseMemory& operator=(const SparseMemory&) = delete;

  bool available() const { return data_ != MAP_FAILED; }
  float* floats() const { return static_cast<float*>(data_); }

 private:
  void* data_;
  size_t size_;
};

class HugeStrides : public TargetTest {};

TEST_P(HugeStrides, OffsetsBeyond32BitsAreFollowed) {
  // Token strides of 2^28 elements: the last of 20 tokens lies 5 * 10^9 elements, 20 GiB, away.
  constexpr int64_t kTokens = 20;
  constexpr int64_t kStride = int64_t{1} << 28;
  constexpr int64_t kDim = 16;
  Problem problem;
  problem.head_dim = problem.head_dim_v = kDim;
  problem.sequences = {{kTokens, kTokens}};
  problem.options = BlockSparse(4, 3);
  Randomize(&problem, 14);
  const Outcome expected = Attend(Engine(), problem);

  const SparseMemory q(kTokens * kStride * sizeof(float));
  const SparseMemory k(kTokens * kStride * sizeof(float));
  const SparseMemory v(kTokens * kStride * sizeof(float));
  const SparseMemory o(kTokens * kStride * sizeof(float));
  if (!q.available() || !k.available() || !v.available() || !o.available()) {
    GTEST_SKIP() << "no address space of 80 GiB";
  }
  const auto fill = [&](const SparseMemory& memory, const std::vector<double>& values) {
    for (int64_t token = 0; token < kTokens; ++token) {
      for (int64_t d = 0; d < kDim; ++d) {
        memory.floats()[token * kStride + d] = static_cast<float>(values[token * kDim + d]);
      }
    }
  };
  fill(q, problem.q);
  fill(k, problem.k);
  fill(v, problem.v);

  Call call(problem, Operation::kAttend, {});
  for (moba_tensor* tensor : {&call.shapes.q, &call.shapes.k, &call.shapes.v, &call.shapes.o}) {
    tensor->stride[0] = kStride;
  }
  call.q = q.floats();
  call.k = k.floats();
  call.v = v.floats();
  call.o = o.floats();
  const OwnedPlan plan(Engine(), call.config);
  call.MakeWorkspace(plan);
  ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(call.lse_memory->Bits(), expected.lse_bits);
  EXPECT_EQ(call.selected_memory->Values(), std::vector<double>(expected.selection.blocks.begin(),
                                                                expected.selection.blocks.end()));
  for (int64_t token = 0; token < kTokens; ++token) {
    EXPECT_EQ(0, std::memcmp(o.floats() + token * kStride,
                             std::vector<float>(expected.o.begin() + token * kDim,
                                                expected.o.begin() + (token + 1) * kDim)
                                 .data(),
                             kDim * sizeof(float)))
        << "token " << token;
  }
}

TEST_P(HugeStrides, NegativeOffsetsBeyond32BitsAreFollowed) {
  constexpr int64_t kTokens = 20;
  constexpr int64_t kStride = int64_t{1} << 28;
  Problem problem;
  problem.head_dim = problem.head_dim_v = 8;
  problem.sequences = {{kTokens, kTokens}};
  problem.options = FullAttention();
  Randomize(&problem, 15);
  const Outcome expected = Attend(Engine(), problem);
  const SparseMemory k(kTokens * kStride * sizeof(float));
  if (!k.available()) GTEST_SKIP() << "no address space of 20 GiB";
  float* origin = k.floats() + (kTokens - 1) * kStride;
  for (int64_t token = 0; token < kTokens; ++token) {
    for (int64_t d = 0; d < 8; ++d) {
      origin[d - token * kStride] = static_cast<float>(problem.k[token * 8 + d]);
    }
  }
  Call call(problem, Operation::kAttend, {});
  call.shapes.k.stride[0] = -kStride;
  call.k = origin;
  const OwnedPlan plan(Engine(), call.config);
  call.MakeWorkspace(plan);
  ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(call.o_memory->Bits(), expected.o_bits);
}

TEST_P(HugeStrides, ZeroStridesRepeatOneToken) {
  // k and v of one token seen as 100: every row is the mean of equal values.
  Problem problem;
  problem.head_dim = problem.head_dim_v = 8;
  problem.sequences = {{100, 100}};
  problem.options = BlockSparse(16, 3);
  Randomize(&problem, 16);
  for (int64_t token = 1; token < 100; ++token) {
    for (int64_t d = 0; d < 8; ++d) {
      problem.K(token, 0, d) = problem.K(0, 0, d);
      problem.V(token, 0, d) = problem.V(0, 0, d);
    }
  }
  const Outcome expected = Attend(Engine(), problem);
  Call call(problem, Operation::kAttend, {});
  call.shapes.k.stride[0] = 0;
  call.shapes.v.stride[0] = 0;
  const OwnedPlan plan(Engine(), call.config);
  call.MakeWorkspace(plan);
  ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(call.o_memory->Bits(), expected.o_bits);
}

MOBA_INSTANTIATE_TARGETS(HugeStrides);

}  // namespace
}  // namespace moba_test
