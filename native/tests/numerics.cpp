#include "numerics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace moba_test {
namespace {

std::string Text(const std::vector<int32_t>& blocks) {
  std::ostringstream text;
  text << "[";
  for (int32_t block : blocks) text << " " << block;
  text << " ]";
  return text.str();
}

// Ascending without duplicates, and nothing but -1 behind the first -1.
bool WellFormed(const Selection& selection, int64_t token, int64_t head) {
  const std::vector<int32_t> blocks = selection.Blocks(token, head);
  const int32_t* row = selection.Row(token, head);
  return std::all_of(row + blocks.size(), row + selection.width,
                     [](int32_t block) { return block == -1; }) &&
         std::adjacent_find(blocks.begin(), blocks.end(), std::greater_equal<>()) == blocks.end() &&
         (blocks.empty() || blocks.front() >= 0);
}

// Whether `chosen` is as good as `expected`, the oracle's choice: what is chosen beyond it scores
// no less than its last, what is left out of it no more than its first left out, up to the margin.
bool InsideMargin(const RowRanking& ranking, const std::vector<int32_t>& expected,
                  const std::vector<int32_t>& chosen) {
  const auto contains = [](const std::vector<int32_t>& blocks, int32_t block) {
    return std::binary_search(blocks.begin(), blocks.end(), block);
  };
  double last_selected = std::numeric_limits<double>::infinity();
  double first_left_out = -std::numeric_limits<double>::infinity();
  for (int32_t block = 0; block < ranking.eligible; ++block) {
    if (ranking.forced[block]) continue;
    const double score = ranking.scores[block];
    if (contains(expected, block)) {
      last_selected = std::min(last_selected, score);
    } else {
      first_left_out = std::max(first_left_out, score);
    }
  }
  for (int32_t block = 0; block < ranking.eligible; ++block) {
    const bool is_chosen = contains(chosen, block);
    if (is_chosen == contains(expected, block)) continue;
    const double score = ranking.scores[block];
    if (ranking.forced[block] || std::isnan(score)) return false;
    if (is_chosen && score < last_selected - ranking.margin) return false;
    if (!is_chosen && score > first_left_out + ranking.margin) return false;
  }
  return true;
}

// Largest |got - expected| where both are finite. Elsewhere both are to be NaN, or the same
// infinity.
double LargestError(const std::vector<double>& got, const std::vector<double>& expected) {
  double largest = 0;
  size_t different_kind = 0;
  size_t first = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::isfinite(expected[i]) && std::isfinite(got[i])) {
      largest = std::max(largest, std::fabs(got[i] - expected[i]));
    } else if (!(std::isnan(expected[i]) && std::isnan(got[i])) && got[i] != expected[i]) {
      if (different_kind++ == 0) first = i;
    }
  }
  EXPECT_EQ(different_kind, 0u) << "element " << first << " is " << got[first] << ", expected "
                                << expected[first];
  return largest;
}

}  // namespace

testing::AssertionResult IsRightRow(const Problem& problem, const Router& router,
                                    const Selection& selection, size_t sequence, int64_t query,
                                    int64_t head) {
  const int64_t group = problem.heads / problem.kv_heads;
  const int64_t token = problem.FirstQ(sequence) + query;
  const RowRanking ranking = router.Rank(sequence, query, head);
  const std::vector<int32_t> want = Choose(ranking);
  const std::vector<int32_t> got = selection.Blocks(token, head);
  bool right = WellFormed(selection, token, head) &&
               (got == want || (got.size() == want.size() && got.back() < ranking.eligible &&
                                InsideMargin(ranking, want, got)));
  if (problem.options.routing == MOBA_ROUTING_PER_GROUP) {
    right = right && got == selection.Blocks(token, head / group * group);
  }
  if (right) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "sequence " << sequence << ", query " << query << ", head " << head << " selected "
         << Text(got) << ", expected " << Text(want);
}

void ExpectRightSelection(const Problem& problem, const Selection& selection) {
  ASSERT_EQ(selection.width, problem.SelectionWidth());
  ASSERT_EQ(selection.blocks.size(),
            static_cast<size_t>(problem.TokensQ() * problem.heads * selection.width));
  const Router router(problem);
  int wrong = 0;
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    for (int64_t i = 0; i < problem.sequences[s].q; ++i) {
      for (int64_t h = 0; h < problem.heads; ++h) {
        const testing::AssertionResult right = IsRightRow(problem, router, selection, s, i, h);
        if (!right && ++wrong == 1) ADD_FAILURE() << right.message();
      }
    }
  }
  EXPECT_EQ(wrong, 0) << "rows with a wrong selection";
}

AttentionReference::AttentionReference(const Problem& problem, const Selection* selection)
    : expected_(Attend(problem, selection)) {
  if (problem.dtype == MOBA_F32) {
    bound_ = 4e-6 * expected_.largest_value * (1 + expected_.largest_score / 16);
  } else {
    bound_ = 1e-6 + 2 * LargestError(Yardstick(problem, selection), expected_.o);
  }
}

void AttentionReference::ExpectMatches(const Outcome& outcome) const {
  ASSERT_EQ(outcome.o.size(), expected_.o.size());
  EXPECT_LE(LargestError(outcome.o, expected_.o), bound_);
  if (outcome.lse.empty()) return;
  ASSERT_EQ(outcome.lse.size(), expected_.lse.size());
  LargestError(outcome.lse, expected_.lse);
  double excess = 0;
  for (size_t i = 0; i < expected_.lse.size(); ++i) {
    if (!std::isfinite(expected_.lse[i])) continue;
    excess = std::max(excess, std::fabs(outcome.lse[i] - expected_.lse[i]) /
                                  (1e-4 + 1e-6 * std::fabs(expected_.lse[i])));
  }
  EXPECT_LE(excess, 1.0) << "lse error as a multiple of its bound";
}

void ExpectRightAttention(const Problem& problem, const Selection* selection,
                          const Outcome& outcome) {
  AttentionReference(problem, selection).ExpectMatches(outcome);
}

void ExpectRightForward(const moba_engine* engine, const Problem& problem,
                        const RunOptions& options) {
  const Outcome attended = moba_test::Attend(engine, problem, options);
  if (testing::Test::HasFailure()) return;
  if (problem.Full()) {
    ExpectRightAttention(problem, nullptr, attended);
    return;
  }
  ExpectRightSelection(problem, attended.selection);
  const AttentionReference reference(problem, &attended.selection);
  reference.ExpectMatches(attended);
  const Outcome routed = moba_test::Route(engine, problem, options);
  EXPECT_EQ(routed.selection.blocks, attended.selection.blocks);
  reference.ExpectMatches(moba_test::AttendSelected(engine, problem, attended.selection, options));
}

}  // namespace moba_test
