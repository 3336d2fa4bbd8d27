#include "core/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace moba::core {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(ScoreKey, OrdersLikeScoresWithNaNLowest) {
  const float ascending[] = {kNaN, -kInfinity, -3e38f, -1.0f,    -1e-45f,
                             0.0f, 1e-45f,     2.0f,   kInfinity};
  for (size_t i = 1; i < std::size(ascending); ++i) {
    EXPECT_LT(ScoreKey(ascending[i - 1]), ScoreKey(ascending[i])) << ascending[i];
  }
  EXPECT_EQ(ScoreKey(-0.0f), ScoreKey(0.0f));
  EXPECT_EQ(ScoreKey(-kNaN), ScoreKey(kNaN));
  EXPECT_GT(ScoreKey(kNaN), kNoScore);
}

TEST(Candidate, KeepsBlockAndScore) {
  for (const float score : {kNaN, -kInfinity, -2.5f, 0.0f, 7.0f, kInfinity}) {
    for (const int32_t block : {0, 1, 77, std::numeric_limits<int32_t>::max()}) {
      const uint64_t candidate = Candidate(ScoreKey(score), block);
      EXPECT_EQ(CandidateBlock(candidate), block);
      EXPECT_EQ(CandidateScoreKey(candidate), ScoreKey(score));
    }
  }
}

TEST(Candidate, LowerBlockWinsAmongEqualScores) {
  EXPECT_GT(Candidate(ScoreKey(1.0f), 3), Candidate(ScoreKey(1.0f), 4));
  EXPECT_GT(Candidate(ScoreKey(-0.0f), 3), Candidate(ScoreKey(0.0f), 4));
  EXPECT_GT(Candidate(ScoreKey(kNaN), 3), Candidate(ScoreKey(kNaN), 4));
}

// The same choice by a stable sort of all scores.
std::vector<int32_t> BestBySorting(const std::vector<float>& scores, size_t count) {
  std::vector<int32_t> blocks(scores.size());
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<int32_t>(i);
  std::stable_sort(blocks.begin(), blocks.end(), [&](int32_t a, int32_t b) {
    const float x = scores[static_cast<size_t>(a)];
    const float y = scores[static_cast<size_t>(b)];
    return std::isnan(x) ? false : std::isnan(y) || x > y;
  });
  blocks.resize(std::min(count, blocks.size()));
  std::sort(blocks.begin(), blocks.end());
  return blocks;
}

TEST(TopK, ChoosesWhatSortingChooses) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    const size_t count = random() % 60;
    const size_t capacity = random() % 12;
    std::vector<float> scores(count);
    for (float& score : scores) {
      // Few distinct values, so that ties and NaN are common.
      const uint32_t draw = random() % 8;
      score = draw == 0 ? kNaN : draw == 1 ? -kInfinity : static_cast<float>(draw) - 4.0f;
    }
    std::vector<uint64_t> memory(capacity + 1);
    TopK best = {memory.data(), static_cast<int64_t>(capacity), 0};
    int32_t threshold = best.Threshold();
    for (size_t i = 0; i < count; ++i) {
      const int32_t key = ScoreKey(scores[i]);
      if (key > threshold) threshold = best.Add(Candidate(key, static_cast<int32_t>(i)));
    }
    std::vector<int32_t> chosen;
    for (int64_t i = 0; i < best.size; ++i)
      chosen.push_back(CandidateBlock(memory[static_cast<size_t>(i)]));
    std::sort(chosen.begin(), chosen.end());
    EXPECT_EQ(chosen, BestBySorting(scores, capacity)) << "round " << round;
  }
}

}  // namespace
}  // namespace moba::core
