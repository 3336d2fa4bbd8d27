// What routing may choose, and what becomes of a selection that is none. Scores are small integers
// here, exact in every order of summation, so the oracle's selection is the only right one.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "cuda/emulated_run.h"

namespace moba_test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// One-channel keys in blocks of one: the scores of query 1.0 are the keys.
Problem WithKeys(const std::vector<double>& keys, int64_t top_k) {
  Problem problem;
  problem.sequences = {{1, static_cast<int64_t>(keys.size())}};
  problem.options = BlockSparse(1, top_k);
  problem.options.causal = 0;
  problem.q = {1.0};
  problem.k = keys;
  return problem;
}

std::vector<int32_t> Chosen(const Problem& problem) {
  return Emulate(problem, Operation::kRoute).selection.Blocks(0, 0);
}

using Blocks = std::vector<int32_t>;

TEST(CudaSelection, TakesTheLowerBlockAmongEqualScores) {
  EXPECT_EQ(Chosen(WithKeys(std::vector<double>(500, 2.5), 3)), (Blocks{0, 1, 2}));
  EXPECT_EQ(Chosen(WithKeys({0, 7, 7, 1, 7, 9, 7}, 4)), (Blocks{1, 2, 4, 5}));
}

TEST(CudaSelection, TakesMinusZeroForZero) {
  // Products that vanish keep their sign; in the last channel of each chain nothing is added to it.
  Problem problem = WithKeys({}, 2);
  problem.head_dim = 32;
  problem.sequences = {{1, 5}};
  problem.q.assign(32, 0);
  problem.k.assign(5 * 32, 0);
  const double keys[] = {-1, -1e-30, 1e-30, -1e-30, 1e-30};
  for (int64_t channel : {15, 31}) {
    problem.Q(0, 0, channel) = 1e-30;
    for (int64_t key = 0; key < 5; ++key) problem.K(key, 0, channel) = keys[key];
  }
  EXPECT_EQ(Chosen(problem), (Blocks{1, 2}));
}

TEST(CudaSelection, OrdersNaNBelowEveryNumber) {
  EXPECT_EQ(Chosen(WithKeys({kNaN, -kInfinity, kNaN, 1, kNaN}, 2)), (Blocks{1, 3}));
  EXPECT_EQ(Chosen(WithKeys({kNaN, -kInfinity, kNaN, 1, kNaN}, 4)), (Blocks{0, 1, 2, 3}));
  EXPECT_EQ(Chosen(WithKeys({-3, kInfinity, kNaN, 1}, 2)), (Blocks{1, 3}));
}

TEST(CudaSelection, IsExactForAnyKAndAnyNumberOfTies) {
  std::mt19937 random(3);
  for (int64_t distinct : {1, 2, 10, 1000}) {
    std::vector<double> keys(700);
    for (double& key : keys) key = static_cast<double>(random() % distinct) - distinct / 2.0;
    for (int64_t top_k : {1, 2, 63, 64, 65, 128, 500, 699, 700}) {
      SCOPED_TRACE(testing::Message() << distinct << " different scores, K = " << top_k);
      const Problem problem = WithKeys(keys, top_k);
      EXPECT_EQ(Chosen(problem), Router(problem).Select().Blocks(0, 0));
    }
  }
}

TEST(CudaCentroids, AreSummedInDouble) {
  // Block 0: (2^30 + 1 - 2^30) / 3, which is 0 in fp32, against 0.25.
  Problem problem = WithKeys({0x1p30, 1, -0x1p30, 0.25, 0.25, 0.25, -9, -9}, 1);
  problem.options.block_size = 3;
  EXPECT_EQ(Chosen(problem), (Blocks{0}));
}

TEST(CudaCentroids, AreRoundedToTheStorageType) {
  // 1 + 2^-8 and 1 + 2^-11 lie half-way between two values and round to 1: a tie.
  Problem problem = WithKeys({1, 1, 1, 1 + 0x1p-7, 1, 1}, 1);
  problem.options.block_size = 2;
  problem.dtype = MOBA_BF16;
  EXPECT_EQ(Chosen(problem), (Blocks{0}));
  problem.k[3] = 1 + 0x1p-10;
  problem.dtype = MOBA_F16;
  EXPECT_EQ(Chosen(problem), (Blocks{0}));
  problem.dtype = MOBA_F32;
  EXPECT_EQ(Chosen(problem), (Blocks{1}));
}

TEST(CudaCentroids, OfATailBlockDivideByItsLength) {
  Problem problem = WithKeys({3, 3, 3, 4}, 1);
  problem.options.block_size = 3;
  EXPECT_EQ(Chosen(problem), (Blocks{1}));
}

TEST(CudaSelection, OfAGroupAddsTheScoresOfItsHeads) {
  std::mt19937 random(4);
  Problem problem;
  problem.heads = 6;
  problem.kv_heads = 2;
  problem.head_dim = 4;
  problem.sequences = {{30, 30}, {9, 64}};
  problem.options = BlockSparse(2, 4);
  problem.options.routing = MOBA_ROUTING_PER_GROUP;
  const auto integers = [&](int64_t count) {
    std::vector<double> values(count);
    for (double& value : values) value = static_cast<double>(random() % 9) - 4;
    return values;
  };
  problem.q = integers(problem.TokensQ() * 6 * 4);
  problem.k = integers(problem.TokensK() * 2 * 4);
  EXPECT_EQ(Emulate(problem, Operation::kRoute).selection.blocks, Router(problem).Select().blocks);
}

class CudaImportedSelection : public testing::TestWithParam<int32_t> {};

// Causal, blocks of 8: query i of 32 sees blocks 0 .. i / 8.
TEST_P(CudaImportedSelection, ThatIsNoneMakesItsRowNaNAndNoOther) {
  Problem problem;
  problem.dtype = GetParam();
  problem.heads = 2;
  problem.head_dim = 8;
  problem.head_dim_v = 140;
  problem.sequences = {{32, 32}, {5, 40}};
  problem.options = BlockSparse(8, 0);
  Randomize(&problem, 5);
  Selection good = {2, 3, std::vector<int32_t>(problem.TokensQ() * 2 * 3, -1)};
  for (int64_t token = 0; token < problem.TokensQ(); ++token) {
    for (int64_t head = 0; head < 2; ++head) good.Row(token, head)[0] = 0;
  }
  const Outcome clean = Emulate(problem, Operation::kAttendSelected, {}, &good);
  const struct {
    int64_t token;
    Blocks row;
  } bad[] = {{20, {0, 3, -1}},  {20, {2, 1, -1}},
             {20, {1, 1, -1}},  {20, {-1, 1, -1}},
             {20, {0, -1, 1}},  {20, {0, 1, -2}},
             {20, {-5, 1, 2}},  {20, {INT32_MIN, -1, -1}},
             {31, {0, 1, 4}},   {31, {INT32_MAX, -1, -1}},
             {0, {1, -1, -1}},  {36, {5, -1, -1}},
             {20, {-1, -1, 0}}, {20, {0, 1, 3}}};
  for (const auto& [token, row] : bad) {
    SCOPED_TRACE(testing::PrintToString(row));
    Selection selection = good;
    std::copy(row.begin(), row.end(), selection.Row(token, 1));
    const Outcome outcome = Emulate(problem, Operation::kAttendSelected, {}, &selection);
    for (int64_t t = 0; t < problem.TokensQ(); ++t) {
      for (int64_t h = 0; h < 2; ++h) {
        const bool hit = t == token && h == 1;
        int64_t different = 0;
        for (int64_t c = 0; c < 140; ++c) {
          const size_t at = (t * 2 + h) * 140 + c;
          different += hit ? !std::isnan(outcome.o[at]) : outcome.o_bits[at] != clean.o_bits[at];
        }
        const size_t at = t * 2 + h;
        different +=
            hit ? !std::isnan(outcome.lse[at]) : outcome.lse_bits[at] != clean.lse_bits[at];
        EXPECT_EQ(different, 0) << "token " << t << ", head " << h;
      }
    }
  }
}

TEST_P(CudaImportedSelection, OfNoBlocksGivesZero) {
  Problem problem;
  problem.dtype = GetParam();
  problem.head_dim = problem.head_dim_v = 8;
  problem.sequences = {{20, 20}};
  problem.options = BlockSparse(8, 0);
  Randomize(&problem, 6);
  const Selection nothing = {1, 40, std::vector<int32_t>(20 * 40, -1)};
  const Outcome outcome = Emulate(problem, Operation::kAttendSelected, {}, &nothing);
  EXPECT_EQ(outcome.o, std::vector<double>(20 * 8, 0.0));
  EXPECT_EQ(outcome.lse, std::vector<double>(20, -kInfinity));
}

INSTANTIATE_TEST_SUITE_P(, CudaImportedSelection, testing::Values(MOBA_F32, MOBA_F16, MOBA_BF16));

}  // namespace
}  // namespace moba_test
