// The oracle and the conversions themselves, against values worked out by hand: what the other
// tests compare with has to be right first.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "oracle.h"
#include "run.h"
#include "storage.h"

namespace moba_test {
namespace {

uint64_t Encoded(int32_t dtype, double value) {
  unsigned char bytes[8] = {};
  Store(bytes, dtype, value);
  return LoadBits(bytes, dtype);
}

TEST(Storage, KnownValuesHaveKnownBits) {
  EXPECT_EQ(Encoded(MOBA_F16, 1.0), 0x3c00u);
  EXPECT_EQ(Encoded(MOBA_F16, -2.0), 0xc000u);
  EXPECT_EQ(Encoded(MOBA_F16, 65504.0), 0x7bffu);
  EXPECT_EQ(Encoded(MOBA_F16, 65520.0), 0x7c00u);
  EXPECT_EQ(Encoded(MOBA_F16, 0x1p-24), 0x0001u);
  EXPECT_EQ(Encoded(MOBA_F16, 0x1p-25), 0x0000u);
  EXPECT_EQ(Encoded(MOBA_F16, 0x1p-14), 0x0400u);
  EXPECT_EQ(Encoded(MOBA_F16, -0.0), 0x8000u);
  EXPECT_EQ(Encoded(MOBA_BF16, 1.0), 0x3f80u);
  EXPECT_EQ(Encoded(MOBA_BF16, -3.140625), 0xc049u);
  EXPECT_EQ(Encoded(MOBA_BF16, 0x1p-133), 0x0001u);
  EXPECT_EQ(Encoded(MOBA_BF16, -std::numeric_limits<double>::infinity()), 0xff80u);
}

TEST(Storage, TiesRoundToEven) {
  EXPECT_EQ(Round(1 + 0x1p-11, MOBA_F16), 1.0);
  EXPECT_EQ(Round(1 + 0x3p-11, MOBA_F16), 1 + 0x1p-9);
  EXPECT_EQ(Round(1 + 0x1p-8, MOBA_BF16), 1.0);
  EXPECT_EQ(Round(1 + 0x3p-8, MOBA_BF16), 1 + 0x1p-6);
  EXPECT_EQ(Round(1 + 0x1p-8 + 0x1p-40, MOBA_BF16), 1 + 0x1p-7);
}

TEST(Storage, EveryBitPatternSurvivesLoadAndStore) {
  for (int32_t dtype : {MOBA_F16, MOBA_BF16}) {
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      const uint16_t stored = static_cast<uint16_t>(bits);
      const double value = Load(&stored, dtype);
      if (!std::isnan(value)) {
        ASSERT_EQ(Encoded(dtype, value), bits) << DtypeName(dtype);
      }
    }
  }
}

Problem TwoBlocks() {
  Problem problem;
  problem.sequences = {{4, 4}};
  problem.options = BlockSparse(2, 1);
  problem.options.softmax_scale = 1.0;
  problem.q = {1, 1, 1, 1};
  problem.k = {0, std::log(3.0), 5, 0};
  problem.v = {4, 8, 100, 20};
  return problem;
}

TEST(Oracle, BlockDiagonalAttentionByHand) {
  const Problem problem = TwoBlocks();
  const Selection selection = Router(problem).Select();
  EXPECT_EQ(selection.blocks, (std::vector<int32_t>{0, 0, 1, 1}));
  const Attention attention = Attend(problem, &selection);
  EXPECT_DOUBLE_EQ(attention.o[0], 4);
  EXPECT_DOUBLE_EQ(attention.o[1], (4 + 3 * 8) / 4.0);
  EXPECT_DOUBLE_EQ(attention.o[2], 100);
  EXPECT_DOUBLE_EQ(attention.lse[1], std::log(4.0));
  EXPECT_DOUBLE_EQ(attention.lse[2], 5);
  EXPECT_DOUBLE_EQ(attention.largest_score, 5);
  EXPECT_DOUBLE_EQ(attention.largest_value, 100);
}

TEST(Oracle, PaddedSelectionAndInvisibleRows) {
  Problem problem = TwoBlocks();
  problem.sequences = {{5, 4}};
  problem.q.push_back(1);
  problem.options.top_k = 2;
  const Selection selection = Router(problem).Select();
  EXPECT_EQ(selection.blocks, (std::vector<int32_t>{-1, -1, 0, -1, 0, -1, 0, 1, 0, 1}));
  const Attention attention = Attend(problem, &selection);
  EXPECT_EQ(attention.o[0], 0);
  EXPECT_EQ(attention.lse[0], -std::numeric_limits<double>::infinity());
  EXPECT_EQ(attention.o[1], 4);
}

TEST(Oracle, FullAttentionIsAttentionToAllBlocks) {
  Problem problem = TwoBlocks();
  problem.options.top_k = 2;
  const Selection selection = Router(problem).Select();
  EXPECT_EQ(Attend(problem, &selection).o, Attend(problem, nullptr).o);
}

TEST(Oracle, YardstickIsCloseToTheOracleButRounded) {
  Problem problem = TwoBlocks();
  problem.dtype = MOBA_BF16;
  problem.head_dim = problem.head_dim_v = 16;
  problem.sequences = {{50, 50}};
  problem.options = BlockSparse(8, 3);
  Randomize(&problem, 1);
  const Selection selection = Router(problem).Select();
  const std::vector<double> oracle = Attend(problem, &selection).o;
  const std::vector<double> yardstick = Yardstick(problem, &selection);
  double error = 0;
  for (size_t i = 0; i < oracle.size(); ++i) {
    error = std::max(error, std::fabs(oracle[i] - yardstick[i]));
    EXPECT_EQ(yardstick[i], Round(yardstick[i], MOBA_BF16));
  }
  EXPECT_GT(error, 1e-4);
  EXPECT_LT(error, 3e-2);
}

}  // namespace
}  // namespace moba_test
