// moba_merge_states: attention over two sets of keys becomes attention over their union.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "merge.h"
#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class MergeStates : public TargetTest {};

TEST_P(MergeStates, MatchesFormula) {
  std::mt19937_64 random(17);
  std::normal_distribution<double> normal;
  for (int32_t dtype : kStorageDtypes) {
    for (int64_t dim : {1, 7, 64, 100}) {
      for (const auto& [gap, guard] : {std::pair<int64_t, Guard>{0, Guard::kBehind},
                                       {0, Guard::kBefore},
                                       {3, Guard::kBehind},
                                       {3, Guard::kBefore}}) {
        SCOPED_TRACE(DtypeName(dtype) + " dim " + std::to_string(dim));
        constexpr int64_t kTokens = 9;
        constexpr int64_t kHeads = 3;
        Merge merge(dtype, kTokens, kHeads, dim, gap, guard);
        std::vector<double> a(kTokens * kHeads * dim), b(a.size());
        std::vector<double> lse_a(kTokens * kHeads), lse_b(lse_a.size());
        for (double& x : a) x = Round(normal(random), dtype);
        for (double& x : b) x = Round(normal(random), dtype);
        for (double& x : lse_a) x = static_cast<float>(20 * normal(random));
        for (double& x : lse_b) x = static_cast<float>(20 * normal(random));
        lse_a[3] = lse_b[4] = lse_a[5] = lse_b[5] = -kInfinity;
        lse_b[6] = lse_a[6];
        merge.o_a.Fill(a);
        merge.o_b.Fill(b);
        merge.lse_a.Fill(lse_a);
        merge.lse_b.Fill(lse_b);
        ASSERT_EQ(merge.Run(Engine()), MOBA_OK) << moba_last_error();
        EXPECT_TRUE(merge.o.EveryElementWritten() && merge.o.NothingElseWritten());
        EXPECT_TRUE(merge.lse.EveryElementWritten() && merge.lse.NothingElseWritten());
        EXPECT_TRUE(merge.o_a.Unchanged() && merge.o_b.Unchanged());
        EXPECT_TRUE(merge.lse_a.Unchanged() && merge.lse_b.Unchanged());
        const std::vector<double> o = merge.o.Values();
        const std::vector<double> lse = merge.lse.Values();
        const double half_ulp = dtype == MOBA_F32 ? 0 : dtype == MOBA_F16 ? 0x1p-11 : 0x1p-8;
        for (size_t row = 0; row < lse.size(); ++row) {
          const double largest = std::max(lse_a[row], lse_b[row]);
          if (largest == -kInfinity) {
            EXPECT_EQ(lse[row], -kInfinity);
            for (int64_t c = 0; c < dim; ++c) EXPECT_EQ(o[row * dim + c], 0.0);
            continue;
          }
          const double expected_lse =
              largest + std::log(std::exp(lse_a[row] - largest) + std::exp(lse_b[row] - largest));
          EXPECT_NEAR(lse[row], expected_lse, 1e-5 + 1e-6 * std::fabs(expected_lse));
          for (int64_t c = 0; c < dim; ++c) {
            const double expected = a[row * dim + c] * std::exp(lse_a[row] - expected_lse) +
                                    b[row * dim + c] * std::exp(lse_b[row] - expected_lse);
            EXPECT_NEAR(o[row * dim + c], expected, 2e-5 + half_ulp * std::fabs(expected));
          }
        }
      }
    }
  }
}

TEST_P(MergeStates, OfEmptySideKeepsBitsOfTheOther) {
  for (int32_t dtype : kStorageDtypes) {
    Merge merge(dtype, 2, 1, 5);
    const std::vector<double> values = {1.5, -2, 0.25, 3, -0.125, 7, 8, 9, 10, 11};
    // What the empty side holds does not matter, not even NaN.
    merge.o_a.Fill(std::vector<double>(10, std::nan("")));
    merge.lse_a.Fill({-kInfinity, -kInfinity});
    merge.o_b.Fill(values);
    merge.lse_b.Fill({0.5, -90});
    ASSERT_EQ(merge.Run(Engine()), MOBA_OK) << moba_last_error();
    EXPECT_EQ(merge.o.Bits(), merge.o_b.Bits());
    EXPECT_EQ(merge.lse.Bits(), merge.lse_b.Bits());
  }
}

TEST_P(MergeStates, NanInOneLseReachesItsRow) {
  const double nan = std::nan("");
  Merge merge(MOBA_F32, 5, 1, 1);
  merge.o_a.Fill({1, 1, 1, 1, 1});
  merge.o_b.Fill({2, 2, 2, 2, 2});
  merge.lse_a.Fill({nan, 0, nan, -kInfinity, 0});
  merge.lse_b.Fill({0, nan, -kInfinity, nan, 0});
  ASSERT_EQ(merge.Run(Engine()), MOBA_OK) << moba_last_error();
  const std::vector<double> o = merge.o.Values();
  const std::vector<double> lse = merge.lse.Values();
  for (size_t row = 0; row < 4; ++row) {
    EXPECT_TRUE(std::isnan(o[row])) << "row " << row;
    EXPECT_TRUE(std::isnan(lse[row])) << "row " << row;
  }
  EXPECT_DOUBLE_EQ(o[4], 1.5);
}

TEST_P(MergeStates, OfTwoHalvesIsTheWhole) {
  Problem whole;
  whole.heads = 4;
  whole.kv_heads = 2;
  whole.head_dim = whole.head_dim_v = 32;
  whole.sequences = {{40, 150}};
  whole.options = FullAttention();
  whole.options.causal = 0;
  Randomize(&whole, 18);
  Problem first = whole;
  first.sequences = {{40, 90}};
  first.k.resize(90 * 2 * 32);
  first.v.resize(90 * 2 * 32);
  Problem second = whole;
  second.sequences = {{40, 60}};
  second.k.assign(whole.k.begin() + 90 * 2 * 32, whole.k.end());
  second.v.assign(whole.v.begin() + 90 * 2 * 32, whole.v.end());
  const Outcome a = Attend(Engine(), first);
  const Outcome b = Attend(Engine(), second);
  Merge merge(MOBA_F32, 40, 4, 32);
  merge.o_a.Fill(a.o);
  merge.lse_a.Fill(a.lse);
  merge.o_b.Fill(b.o);
  merge.lse_b.Fill(b.lse);
  ASSERT_EQ(merge.Run(Engine()), MOBA_OK) << moba_last_error();
  Outcome merged;
  merged.o = merge.o.Values();
  merged.lse = merge.lse.Values();
  ExpectRightAttention(whole, nullptr, merged);
}

TEST_P(MergeStates, WithBatchAxisIsTheSame) {
  std::vector<double> values(6 * 2 * 4);
  std::vector<double> rows(6 * 2);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<double>(i));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = std::cos(static_cast<double>(i));
  Merge packed(MOBA_F32, 6, 2, 4);
  Merge batched(MOBA_F32, 6, 2, 4);
  for (Merge* merge : {&packed, &batched}) {
    merge->o_a.Fill(values);
    merge->lse_a.Fill(rows);
    merge->o_b.Fill({values.rbegin(), values.rend()});
    merge->lse_b.Fill({rows.rbegin(), rows.rend()});
  }
  moba_merge_shapes& shapes = batched.shapes;
  for (moba_tensor* o : {&shapes.o_a, &shapes.o_b, &shapes.o}) {
    *o = DescribeTensor(MOBA_F32, {3, 2, 2, 4});
  }
  for (moba_tensor* lse : {&shapes.lse_a, &shapes.lse_b, &shapes.lse}) {
    *lse = DescribeTensor(MOBA_F32, {3, 2, 2});
  }
  ASSERT_EQ(packed.Run(Engine()), MOBA_OK) << moba_last_error();
  ASSERT_EQ(batched.Run(Engine()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(packed.o.Bits(), batched.o.Bits());
  EXPECT_EQ(packed.lse.Bits(), batched.lse.Bits());
}

TEST_P(MergeStates, OfNoTokensDoesNothing) {
  Merge merge(MOBA_F32, 0, 2, 4);
  EXPECT_EQ(merge.Run(Engine()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(moba_merge_states(Engine(), &merge.shapes, nullptr, nullptr, nullptr, nullptr, nullptr,
                              nullptr, nullptr),
            MOBA_OK)
      << moba_last_error();
}

MOBA_INSTANTIATE_TARGETS(MergeStates);

}  // namespace
}  // namespace moba_test
