// Sequences too long for the oracle: a sample of their rows against it. Each sampled row becomes a
// sequence of its own, one query and the keys that it reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

// What the sampled rows may read together: copies of it take 2 KiB per key at D = 128.
constexpr int64_t kMostKeys = int64_t{1} << 20;

GridCase Case(int32_t dtype, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t tokens,
              const moba_options& options) {
  const std::string choice = options.attention == MOBA_ATTENTION_FULL
                                 ? "_full"
                                 : Name("_B", options.block_size) + Name("_K", options.top_k);
  return {DtypeName(dtype) + Name("_N", tokens) + Name("_H", heads) + Name("_G", kv_heads) +
              Name("_D", head_dim) + choice,
          MakeProblem(dtype, heads, kv_heads, head_dim, {{tokens, tokens}}, options),
          {}};
}

std::vector<GridCase> SmallCases() {
  return {Case(MOBA_BF16, 4, 2, 128, 3000, BlockSparse(64, 16)),
          Case(MOBA_F16, 2, 1, 64, 2000, BlockSparse(512, 2)),
          Case(MOBA_F32, 1, 1, 64, 1000, FullAttention())};
}

std::vector<GridCase> LargeCases() {
  std::vector<GridCase> cases;
  for (int64_t tokens : {8192, 65536}) {
    for (const auto& [size, top_k] :
         {std::pair<int64_t, int64_t>{64, 16}, {128, 8}, {512, 3}, {4096, 2}}) {
      cases.push_back(Case(MOBA_BF16, 4, 2, 128, tokens, BlockSparse(size, top_k)));
    }
  }
  cases.push_back(Case(MOBA_F16, 4, 4, 128, 32768, BlockSparse(128, 8)));
  cases.push_back(Case(MOBA_BF16, 4, 1, 64, 32768, BlockSparse(256, 4)));
  cases.push_back(Case(MOBA_BF16, 2, 1, 256, 16384, BlockSparse(128, 8)));
  cases.push_back(Case(MOBA_F32, 2, 1, 128, 8192, BlockSparse(128, 8)));
  cases.push_back(Case(MOBA_BF16, 4, 2, 128, 16384, FullAttention()));
  cases.push_back(Case(MOBA_BF16, 1, 1, 128, 1 << 20, BlockSparse(128, 8)));
  cases.push_back(Case(MOBA_BF16, 1, 1, 128, 1 << 20, BlockSparse(4096, 12)));
  return cases;
}

class Sampled : public GridTest {
 protected:
  void SetUp() override {
    problem_ = GridTest::Case().problem;
    Randomize(&problem_, 41);
    tokens_ = problem_.TokensQ();
    rows_ = problem_;
    rows_.heads = rows_.kv_heads = 1;
    rows_.sequences.clear();
    rows_.options = FullAttention();
    for (auto* values : {&rows_.q, &rows_.k, &rows_.v}) values->clear();
  }

  // Where rows begin and end to be special, and others by chance.
  std::vector<int64_t> SampledTokens() const {
    const int64_t block = problem_.options.block_size;
    const int64_t read = problem_.Full() ? tokens_ : block * problem_.options.top_k;
    std::vector<int64_t> tokens = {0, tokens_ - 1};
    if (!problem_.Full()) tokens.insert(tokens.end(), {block - 1, block, tokens_ / 2});
    std::mt19937_64 random(42);
    const int64_t count = std::clamp<int64_t>(kMostKeys / read, 16, 256);
    while (static_cast<int64_t>(tokens.size()) < count) {
      tokens.push_back(static_cast<int64_t>(random() % static_cast<uint64_t>(tokens_)));
    }
    return tokens;
  }

  // Adds the keys begin .. end - 1 to the last of rows_.
  void Read(int64_t begin, int64_t end, int64_t kv_head) {
    for (int64_t key = begin; key < end; ++key) {
      for (int64_t d = 0; d < problem_.head_dim; ++d) {
        rows_.k.push_back(problem_.K(key, kv_head, d));
        rows_.v.push_back(problem_.V(key, kv_head, d));
      }
    }
    rows_.sequences.back().k += end - begin;
  }

  // A row with the keys of its blocks; all blocks without a selection.
  void AddRow(int64_t token, int64_t head, const Selection* selection) {
    const int64_t kv_head = head / (problem_.heads / problem_.kv_heads);
    rows_.sequences.push_back({1, 0});
    for (int64_t d = 0; d < problem_.head_dim; ++d) rows_.q.push_back(problem_.Q(token, head, d));
    if (selection == nullptr) return Read(0, token + 1, kv_head);
    const int64_t block = problem_.options.block_size;
    for (int32_t index : selection->Blocks(token, head)) {
      Read(index * block, std::min((index + 1) * block, token + 1), kv_head);
    }
  }

  Problem problem_;
  Problem rows_;
  int64_t tokens_;
};

TEST_P(Sampled, RowsMatchOracle) {
  const Outcome outcome = Attend(Engine(), problem_);
  ASSERT_FALSE(HasFailure());
  const Selection* selection = problem_.Full() ? nullptr : &outcome.selection;
  std::optional<Router> router;
  if (selection != nullptr) router.emplace(problem_);
  Outcome sample;
  int64_t head = 0;
  for (int64_t token : SampledTokens()) {
    head = (head + 1) % problem_.heads;
    if (router) {
      ASSERT_TRUE(IsRightRow(problem_, *router, *selection, 0, token, head));
    }
    AddRow(token, head, selection);
    const int64_t row = token * problem_.heads + head;
    const auto o = outcome.o.begin() + row * problem_.head_dim;
    sample.o.insert(sample.o.end(), o, o + problem_.head_dim);
    sample.lse.push_back(outcome.lse[row]);
  }
  ExpectRightAttention(rows_, nullptr, sample);
}

MOBA_INSTANTIATE_GRID(Small, Sampled, SmallCases());
MOBA_INSTANTIATE_GRID(Large, Sampled, LargeCases());

}  // namespace
}  // namespace moba_test
