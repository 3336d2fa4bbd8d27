// Long rows, and values and scores that are NaN or infinite.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cuda/emulated_run.h"
#include "numerics.h"
#include "storage.h"

namespace moba_test {
namespace {

using moba::cuda::TensorCores;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// All terms of a sum alike: every addition rounds the same way.
TEST(CudaLongRows, OfConstantValuesDoNotDrift) {
  for (int64_t keys : {30, 64, 65, 512, 4100, 32768, 100000}) {
    SCOPED_TRACE(keys);
    Problem problem;
    problem.head_dim = 2;
    problem.head_dim_v = 96;
    problem.sequences = {{1, keys}};
    problem.options = FullAttention();
    Randomize(&problem, 7);
    for (double& value : problem.q) value *= 1e-4;
    for (size_t i = 0; i < problem.v.size(); ++i) {
      problem.v[i] = Round(1 + (static_cast<double>(i % 96) + 0.37) / 96, MOBA_F32);
    }
    ExpectRightAttention(problem, nullptr, Emulate(problem, Operation::kAttend));
  }
}

TEST(CudaLongRows, OfRisingScoresDoNotDrift) {
  Problem problem;
  problem.head_dim = 1;
  problem.head_dim_v = 3;
  problem.sequences = {{1, 20000}};
  problem.options = FullAttention();
  Randomize(&problem, 8);
  problem.q = {1};
  for (int64_t key = 0; key < 20000; ++key) {
    problem.K(key, 0, 0) = Round(static_cast<double>(key) / 4000, MOBA_F32);
  }
  for (double& value : problem.v) value = Round(1.3 + value / 64, MOBA_F32);
  ExpectRightAttention(problem, nullptr, Emulate(problem, Operation::kAttend));
}

struct ContainmentCase {
  int32_t dtype;
  TensorCores tensor_cores = TensorCores::kNone;

  bool Portable() const { return tensor_cores == TensorCores::kNone; }
};

class CudaContainment : public testing::TestWithParam<ContainmentCase> {
 protected:
  CudaContainment() {
    moba::cuda::emulated_tensor_cores = GetParam().tensor_cores;
    problem_.dtype = GetParam().dtype;
    problem_.heads = 2;
    problem_.head_dim = GetParam().Portable() ? 8 : 64;
    problem_.head_dim_v = GetParam().Portable() ? 12 : 64;
    problem_.sequences = {{50, 50}, {20, 45}};
    problem_.options = BlockSparse(16, 2);
    Randomize(&problem_, 9);
    selection_ = Router(problem_).Select();
    clean_ = Run(problem_);
  }
  ~CudaContainment() override { moba::cuda::emulated_tensor_cores = TensorCores::kNone; }

  size_t At(size_t row, size_t channel) const {
    return row * static_cast<size_t>(problem_.head_dim_v) + channel;
  }

  // Tensor cores leave a row with a NaN to the portable one, whose sums round otherwise.
  void ExpectUnchanged(const Outcome& outcome, size_t row, size_t channel) const {
    if (GetParam().Portable()) {
      EXPECT_EQ(outcome.o_bits[At(row, channel)], clean_.o_bits[At(row, channel)]);
      EXPECT_EQ(outcome.lse_bits[row], clean_.lse_bits[row]);
    } else {
      EXPECT_NEAR(outcome.o[At(row, channel)], clean_.o[At(row, channel)], 0.02);
      EXPECT_NEAR(outcome.lse[row], clean_.lse[row], 1e-4);
    }
  }

  Outcome Run(const Problem& problem) const {
    return Emulate(problem, Operation::kAttendSelected, {}, &selection_);
  }

  // Whether a row reads key `key` of the first sequence.
  bool Reads(int64_t token, int64_t head, int64_t key) const {
    if (token >= 50 || key > token) return false;
    const std::vector<int32_t> blocks = selection_.Blocks(token, head);
    return std::find(blocks.begin(), blocks.end(), key / 16) != blocks.end();
  }

  // Calls body(token, head, whether the row reads the key); rows that do not keep their bits.
  template <class Body>
  void ExpectContained(const Outcome& outcome, int64_t key, const Body& expect_reader) const {
    int64_t readers = 0;
    for (int64_t token = 0; token < 70; ++token) {
      for (int64_t head = 0; head < 2; ++head) {
        const size_t row = token * 2 + head;
        if (Reads(token, head, key)) {
          ++readers;
          expect_reader(row);
          continue;
        }
        EXPECT_EQ(outcome.lse_bits[row], clean_.lse_bits[row]) << "token " << token;
        for (size_t at = At(row, 0); at < At(row + 1, 0); ++at) {
          EXPECT_EQ(outcome.o_bits[at], clean_.o_bits[at]) << "token " << token;
        }
      }
    }
    EXPECT_GT(readers, 0);
  }

  Problem problem_;
  Selection selection_;
  Outcome clean_;
};

constexpr int64_t kPoisonedKeys[] = {0, 15, 21, 48};

TEST_P(CudaContainment, OfNaNAndInfinityInValues) {
  for (double poison : {kNaN, kInfinity, -kInfinity}) {
    for (int64_t key : kPoisonedKeys) {
      Problem poisoned = problem_;
      poisoned.V(key, 0, 5) = poison;
      const Outcome outcome = Run(poisoned);
      ExpectContained(outcome, key, [&](size_t row) {
        const double reached = outcome.o[At(row, 5)];
        EXPECT_TRUE(std::isnan(poison) ? std::isnan(reached) : reached == poison) << reached;
        ExpectUnchanged(outcome, row, 4);
      });
    }
  }
}

TEST_P(CudaContainment, OfNaNInKeys) {
  for (int64_t key : kPoisonedKeys) {
    Problem poisoned = problem_;
    poisoned.K(key, 0, 7) = kNaN;
    const Outcome outcome = Run(poisoned);
    ExpectContained(outcome, key, [&](size_t row) {
      EXPECT_TRUE(std::isnan(outcome.o[At(row, 0)]));
      EXPECT_TRUE(std::isnan(outcome.lse[row]));
    });
  }
}

TEST_P(CudaContainment, OfScoresAboveAllButMasked) {
  Problem huge = problem_;
  for (int64_t channel = 0; channel < 8; ++channel) huge.K(40, 0, channel) = 3e4;
  ExpectContained(Run(huge), 40, [](size_t) {});
}

TEST_P(CudaContainment, RowWithoutAFiniteScoreIsNaN) {
  Problem poisoned = problem_;
  poisoned.Q(0, 1, 0) = 1;
  poisoned.K(0, 0, 0) = -kInfinity;
  const Outcome outcome = Run(poisoned);
  EXPECT_TRUE(std::isnan(outcome.o[At(1, 0)]));
  EXPECT_EQ(outcome.lse[1], -kInfinity);
}

INSTANTIATE_TEST_SUITE_P(, CudaContainment,
                         testing::Values(ContainmentCase{MOBA_F32}, ContainmentCase{MOBA_F16},
                                         ContainmentCase{MOBA_BF16},
                                         ContainmentCase{MOBA_F16, TensorCores::kAmpere},
                                         ContainmentCase{MOBA_BF16, TensorCores::kAmpere},
                                         ContainmentCase{MOBA_F16, TensorCores::kHopper},
                                         ContainmentCase{MOBA_BF16, TensorCores::kHopper}));

}  // namespace
}  // namespace moba_test
