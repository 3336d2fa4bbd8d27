// Section 2 of the specification, rule by rule. Queries and keys are small integers and keys are
// constant within a block, so every score is exact and there is one right selection, near ties
// included.
#include <gtest/gtest.h>

#include <limits>

#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

using Blocks = std::vector<int32_t>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// One head of dimension 1: every query is 1, every key of block j is scores[j], so block j scores
// scores[j]. As many queries as keys.
Problem WithBlockScores(const std::vector<double>& scores, const moba_options& options) {
  Problem problem;
  problem.options = options;
  const int64_t tokens = static_cast<int64_t>(scores.size()) * options.block_size;
  problem.sequences = {{tokens, tokens}};
  problem.q.assign(tokens, 1.0);
  problem.v.assign(tokens, 1.0);
  for (double score : scores) problem.k.insert(problem.k.end(), options.block_size, score);
  return problem;
}

class Routing : public TargetTest {
 protected:
  // What the last query, the first of its block, or any other, selects.
  Blocks Selected(const Problem& problem, int64_t token, int64_t head = 0) const {
    return Route(Engine(), problem).selection.Blocks(token, head);
  }
  Blocks SelectedByLast(const Problem& problem, int64_t head = 0) const {
    return Selected(problem, problem.TokensQ() - 1, head);
  }
};

TEST_P(Routing, OwnBlockCountsAsOneOfTopK) {
  const Problem problem = WithBlockScores({5, 1, 9, 3, -100}, BlockSparse(4, 3));
  EXPECT_EQ(SelectedByLast(problem), (Blocks{0, 2, 4}));
}

TEST_P(Routing, TopOneIsOwnBlockOnly) {
  const Problem problem = WithBlockScores({5, 1, 9, 3}, BlockSparse(4, 1));
  for (int64_t token : {0, 3, 4, 11, 15}) {
    EXPECT_EQ(Selected(problem, token), (Blocks{static_cast<int32_t>(token / 4)}));
  }
}

TEST_P(Routing, LaterBlocksAreNeverSelected) {
  const Problem problem = WithBlockScores({1, 2, 3, 100, 100, 100}, BlockSparse(4, 2));
  EXPECT_EQ(Selected(problem, 11), (Blocks{1, 2}));
}

TEST_P(Routing, FewEligibleBlocksAreAllSelected) {
  const Problem problem = WithBlockScores({1, 2, 3, 4}, BlockSparse(4, 3));
  EXPECT_EQ(Selected(problem, 0), (Blocks{0}));
  EXPECT_EQ(Selected(problem, 7), (Blocks{0, 1}));
}

TEST_P(Routing, TiesGoToLowerBlock) {
  const Problem problem = WithBlockScores({2, 7, 7, 2, 7, 7, 0}, BlockSparse(4, 3));
  EXPECT_EQ(SelectedByLast(problem), (Blocks{1, 2, 6}));
}

TEST_P(Routing, TiesAmongManyBlocksGoToLowest) {
  std::vector<double> scores(300, 1.0);
  const Problem problem = WithBlockScores(scores, BlockSparse(2, 9));
  EXPECT_EQ(SelectedByLast(problem), (Blocks{0, 1, 2, 3, 4, 5, 6, 7, 299}));
}

TEST_P(Routing, AscendingAndDescendingScoresFindTheirTop) {
  std::vector<double> ascending;
  std::vector<double> descending;
  for (int i = 0; i < 200; ++i) {
    ascending.push_back(i);
    descending.push_back(-i);
  }
  EXPECT_EQ(SelectedByLast(WithBlockScores(ascending, BlockSparse(2, 4))),
            (Blocks{196, 197, 198, 199}));
  EXPECT_EQ(SelectedByLast(WithBlockScores(descending, BlockSparse(2, 4))), (Blocks{0, 1, 2, 199}));
}

// Ties with the least one that is selected, wherever among the scores it lies.
TEST_P(Routing, LeastOfTheBestMayBeAnyScore) {
  for (double least : {0.0, -0.0, 1.0, -1.0, kInfinity, -kInfinity}) {
    std::vector<double> scores(300, least);
    for (size_t i = 0; i < scores.size(); i += 3) scores[i] = kNaN;
    const Problem ties = WithBlockScores(scores, BlockSparse(2, 9));
    EXPECT_EQ(SelectedByLast(ties), (Blocks{1, 2, 4, 5, 7, 8, 10, 11, 299})) << least;
    if (least == kInfinity) continue;
    for (size_t i : {50, 130, 298}) scores[i] = 2.0;
    const Problem with_better = WithBlockScores(scores, BlockSparse(2, 9));
    EXPECT_EQ(SelectedByLast(with_better), (Blocks{1, 2, 4, 5, 7, 50, 130, 298, 299})) << least;
  }
}

TEST_P(Routing, NegativeZeroEqualsZero) {
  const Problem problem = WithBlockScores({-0.0, 0.0, -0.0, 0.0, 5}, BlockSparse(4, 3));
  EXPECT_EQ(SelectedByLast(problem), (Blocks{0, 1, 4}));
}

TEST_P(Routing, NanScoresOrderBelowEveryNumber) {
  const Problem problem = WithBlockScores({kNaN, -kInfinity, kNaN, -5, 0}, BlockSparse(4, 3));
  EXPECT_EQ(SelectedByLast(problem), (Blocks{1, 3, 4}));
}

TEST_P(Routing, AmongNanScoresLowerBlockWins) {
  const Problem problem = WithBlockScores({kNaN, kNaN, 1, kNaN, 0}, BlockSparse(4, 4));
  EXPECT_EQ(SelectedByLast(problem), (Blocks{0, 1, 2, 4}));
  const Problem all = WithBlockScores({kNaN, kNaN, kNaN, kNaN, kNaN}, BlockSparse(4, 3));
  EXPECT_EQ(SelectedByLast(all), (Blocks{0, 1, 4}));
}

TEST_P(Routing, InfiniteScoresOrderAsNumbers) {
  const Problem problem =
      WithBlockScores({3, kInfinity, -kInfinity, kInfinity, 4, 0}, BlockSparse(4, 4));
  EXPECT_EQ(SelectedByLast(problem), (Blocks{1, 3, 4, 5}));
}

TEST_P(Routing, SinkAndLocalBlocksAreForced) {
  moba_options options = BlockSparse(4, 5);
  options.sink_blocks = 2;
  options.local_blocks = 2;
  const Problem problem = WithBlockScores({-9, -9, 1, 8, 2, -9, -9}, options);
  EXPECT_EQ(SelectedByLast(problem), (Blocks{0, 1, 3, 5, 6}));
  EXPECT_EQ(Selected(problem, 0), (Blocks{0}));
  EXPECT_EQ(Selected(problem, 11), (Blocks{0, 1, 2}));
}

TEST_P(Routing, SinkAndLocalBlocksMayFillTopK) {
  moba_options options = BlockSparse(4, 4);
  options.sink_blocks = 1;
  options.local_blocks = 3;
  const Problem problem = WithBlockScores({-9, 5, 6, -9, -9, -9}, options);
  EXPECT_EQ(SelectedByLast(problem), (Blocks{0, 3, 4, 5}));
}

TEST_P(Routing, OverlappingSinkAndLocalBlocksLeaveRoomForOthers) {
  moba_options options = BlockSparse(4, 4);
  options.sink_blocks = 2;
  options.local_blocks = 2;
  const Problem problem = WithBlockScores({-9, -8, -7, 3, 3}, options);
  // Block 1 is sink and local at once.
  EXPECT_EQ(Selected(problem, 11), (Blocks{0, 1, 2}));
}

TEST_P(Routing, BidirectionalForcesSinksOnly) {
  moba_options options = BlockSparse(4, 3);
  options.causal = 0;
  options.sink_blocks = 1;
  const Problem problem = WithBlockScores({-9, 5, -1, 6, 2}, options);
  for (int64_t token : {0, 9, 19}) EXPECT_EQ(Selected(problem, token), (Blocks{0, 1, 3}));
}

TEST_P(Routing, TailCentroidDividesByItsOwnLength) {
  // Block 2 has one key of 6: its mean is 6, not 6/4.
  moba_options options = BlockSparse(4, 1);
  options.causal = 0;
  Problem problem = WithBlockScores({5, 4, 6}, options);
  problem.sequences = {{9, 9}};
  problem.q.resize(9);
  problem.k.resize(9);
  problem.v.resize(9);
  EXPECT_EQ(Selected(problem, 0), (Blocks{2}));
}

TEST_P(Routing, CentroidIsRoundedToStorageDtype) {
  // Block 0: the mean of 1 and 1 + 2^-7 lies midway and rounds to even, 1, in bf16. Block 1 is
  // exactly 1. So they tie and the lower index wins; an unrounded mean would beat block 0 when the
  // query is negative.
  moba_options options = BlockSparse(2, 1);
  options.causal = 0;
  Problem problem = WithBlockScores({1, 1}, options);
  problem.dtype = MOBA_BF16;
  problem.k[1] = 1 + 1.0 / 128;
  problem.q.assign(4, -1.0);
  EXPECT_EQ(Selected(problem, 0), (Blocks{0}));
}

TEST_P(Routing, QueryGroupSelectsByItsSumOfScores) {
  // Heads 0 and 1 share kv head 0. Block scores: head 0 {6, 0, 4}, head 1 {-7, 3, 2}; sum {-1, 3,
  // 6}.
  Problem problem;
  problem.heads = 2;
  problem.head_dim = 2;
  problem.options = BlockSparse(2, 1);
  problem.options.causal = 0;
  problem.sequences = {{1, 6}};
  problem.q = {1, 0, 0, 1};
  problem.k = {6, -7, 6, -7, 0, 3, 0, 3, 4, 2, 4, 2};
  problem.v.assign(6, 1.0);
  EXPECT_EQ(SelectedByLast(problem, 0), (Blocks{0}));
  EXPECT_EQ(SelectedByLast(problem, 1), (Blocks{1}));
  problem.options.routing = MOBA_ROUTING_PER_GROUP;
  EXPECT_EQ(SelectedByLast(problem, 0), (Blocks{2}));
  EXPECT_EQ(SelectedByLast(problem, 1), (Blocks{2}));
}

TEST_P(Routing, SoftmaxScaleDoesNotChangeSelection) {
  Problem problem = WithBlockScores({5, 1, 9, 3, 0}, BlockSparse(4, 3));
  problem.options.softmax_scale = 1e-30;
  EXPECT_EQ(SelectedByLast(problem), (Blocks{0, 2, 4}));
}

TEST_P(Routing, PositionsAreAlignedAtTheEnd) {
  // Two queries at the end of 20 keys: both in block 4.
  Problem problem = WithBlockScores({5, 1, 9, 3, 0}, BlockSparse(4, 2));
  problem.sequences = {{2, 20}};
  problem.q.resize(2);
  EXPECT_EQ(Selected(problem, 0), (Blocks{2, 4}));
  EXPECT_EQ(Selected(problem, 1), (Blocks{2, 4}));
}

TEST_P(Routing, QueryWithoutVisibleKeySelectsNothing) {
  Problem problem = WithBlockScores({5, 1}, BlockSparse(4, 2));
  problem.sequences = {{10, 8}};
  problem.q.assign(10, 1.0);
  EXPECT_EQ(Selected(problem, 0), Blocks{});
  EXPECT_EQ(Selected(problem, 1), Blocks{});
  EXPECT_EQ(Selected(problem, 2), Blocks{0});
}

TEST_P(Routing, BlockIndicesCountFromTheSequencesStart) {
  Problem problem = WithBlockScores({9, 9, 9, 1, 2, 3, 0}, BlockSparse(4, 2));
  problem.sequences = {{12, 12}, {16, 16}};
  EXPECT_EQ(SelectedByLast(problem), (Blocks{2, 3}));
}

TEST_P(Routing, WidthIsTopKOrMostBlocksOfAnySequence) {
  const auto width = [&](std::vector<Lengths> sequences, int64_t top_k) {
    Problem problem;
    problem.sequences = std::move(sequences);
    problem.options = BlockSparse(16, top_k);
    Randomize(&problem, 1);
    Call call(problem, Operation::kRoute, {});
    call.PlaceOn(Engine());
    OwnedPlan plan(Engine(), call.config);
    int64_t width = -1;
    EXPECT_EQ(moba_selection_width(plan.get(), &call.shapes, call.cu_seqlens_q, call.cu_seqlens_k,
                                   &width),
              MOBA_OK)
        << moba_last_error();
    return width;
  };
  EXPECT_EQ(width({{100, 100}}, 3), 3);
  EXPECT_EQ(width({{100, 100}}, 50), 7);
  EXPECT_EQ(width({{10, 10}, {5, 40}, {1, 1}}, 50), 3);
  EXPECT_EQ(width({{0, 0}}, 5), 1);
}

MOBA_INSTANTIATE_TARGETS(Routing);

}  // namespace
}  // namespace moba_test
