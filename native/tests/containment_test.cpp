// A masked or unselected pair contributes nothing, even where the value there is NaN or infinite:
// such a value reaches the outputs that read it, and every other row keeps its bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kBlock = 16;
// Blocks that the CPU reads where they lie for few queries.
constexpr int64_t kDecodeBlock = 32;

// Attention to a fixed selection, so that a poisoned key cannot change what is read; causal, GQA,
// two sequences, of many queries or few.
std::vector<GridCase> Cases() {
  std::vector<GridCase> cases;
  for (int32_t dtype : kStorageDtypes) {
    for (bool full : {false, true}) {
      for (int32_t causal : {1, 0}) {
        Problem problem;
        problem.dtype = dtype;
        problem.heads = 4;
        problem.kv_heads = 2;
        problem.head_dim = 16;
        problem.head_dim_v = 24;
        problem.sequences = {{70, 70}, {50, 90}};
        problem.options = full ? FullAttention() : BlockSparse(kBlock, 3);
        problem.options.causal = causal;
        cases.push_back({DtypeName(dtype) + (full ? "_full" : "_selected") +
                             (causal != 0 ? "_causal" : "_bidirectional"),
                         problem,
                         {}});
        Problem decode = problem;
        decode.sequences = {{6, 70}, {3, 90}};
        if (!full) decode.options.block_size = kDecodeBlock;
        if (!full) decode.options.top_k = 2;
        cases.push_back({cases.back().name + "_decode", decode, {}});
        if (dtype == MOBA_F32) continue;
        problem.head_dim = problem.head_dim_v = 64;
        cases.push_back({cases[cases.size() - 2].name + "_tensor_cores", problem, {}});
      }
    }
  }
  return cases;
}

class Containment : public GridTest {
 protected:
  void SetUp() override {
    problem_ = Case().problem;
    Randomize(&problem_, 11);
    if (!problem_.Full()) selection_ = Router(problem_).Select();
    clean_ = Run(problem_);
  }

  Outcome Run(const Problem& problem) const {
    return problem.Full() ? Attend(Engine(), problem)
                          : AttendSelected(Engine(), problem, selection_);
  }

  // Whether head `head` of query `query` of `sequence` reads key `key` of that sequence.
  bool Reads(size_t sequence, int64_t query, int64_t head, int64_t key) const {
    if (key >= VisibleKeys(problem_, sequence, query)) return false;
    if (problem_.Full()) return true;
    const auto blocks = selection_.Blocks(problem_.FirstQ(sequence) + query, head);
    return std::find(blocks.begin(), blocks.end(), key / problem_.options.block_size) !=
           blocks.end();
  }

  uint64_t OBits(const Outcome& outcome, int64_t token, int64_t head, int64_t channel) const {
    return outcome.o_bits[(token * problem_.heads + head) * problem_.head_dim_v + channel];
  }
  double O(const Outcome& outcome, int64_t token, int64_t head, int64_t channel) const {
    return outcome.o[(token * problem_.heads + head) * problem_.head_dim_v + channel];
  }
  // Of rows that read a poisoned value: the channels that it does not reach. Tensor cores leave
  // such rows to other kernels, which round differently.
  bool MayRoundDifferently() const { return problem_.head_dim == 64 && problem_.dtype != MOBA_F32; }
  void ExpectSameChannel(const Outcome& outcome, int64_t token, int64_t head,
                         int64_t channel) const {
    if (MayRoundDifferently()) {
      EXPECT_NEAR(O(outcome, token, head, channel), O(clean_, token, head, channel), 0.01);
    } else {
      EXPECT_EQ(OBits(outcome, token, head, channel), OBits(clean_, token, head, channel));
    }
  }
  void ExpectSameLse(const Outcome& outcome, int64_t token, int64_t head) const {
    const size_t row = Lse(token, head);
    if (MayRoundDifferently()) {
      EXPECT_NEAR(outcome.lse[row], clean_.lse[row], 1e-4);
    } else {
      EXPECT_EQ(outcome.lse_bits[row], clean_.lse_bits[row]);
    }
  }
  size_t Lse(int64_t token, int64_t head) const { return token * problem_.heads + head; }

  // Calls body(token, head, whether that row reads key `key` of `sequence` in kv head `kv_head`).
  template <typename Body>
  void ForEachRow(size_t sequence, int64_t kv_head, int64_t key, Body body) const {
    for (size_t s = 0; s < problem_.sequences.size(); ++s) {
      for (int64_t i = 0; i < problem_.sequences[s].q; ++i) {
        for (int64_t h = 0; h < problem_.heads; ++h) {
          const bool shares = s == sequence && h / (problem_.heads / problem_.kv_heads) == kv_head;
          body(problem_.FirstQ(s) + i, h, shares && Reads(s, i, h, key));
        }
      }
    }
  }

  // Rows that do not read the key keep their bits; and there are rows that do.
  void ExpectOthersKeepBits(const Outcome& outcome, size_t sequence, int64_t kv_head,
                            int64_t key) const {
    int readers = 0;
    int changed = 0;
    ForEachRow(sequence, kv_head, key, [&](int64_t token, int64_t head, bool reads) {
      if (reads) {
        ++readers;
        return;
      }
      bool same = outcome.lse_bits[Lse(token, head)] == clean_.lse_bits[Lse(token, head)];
      for (int64_t c = 0; c < problem_.head_dim_v; ++c) {
        same = same && OBits(outcome, token, head, c) == OBits(clean_, token, head, c);
      }
      changed += !same;
    });
    EXPECT_EQ(changed, 0) << "rows that do not read the poisoned key";
    EXPECT_GT(readers, 0);
  }

  bool FewQueries() const { return problem_.sequences[0].q < problem_.sequences[0].k; }

  Problem problem_;
  Selection selection_;
  Outcome clean_;
};

// Keys at the start and the end of a block and in the tail, so that the poison is masked for some
// queries of its block and visible to others.
constexpr int64_t kPoisonedKeys[] = {0, 15, 21, 48, 69};

TEST_P(Containment, NanInValueReachesItsChannelOfItsReaders) {
  for (int64_t key : kPoisonedKeys) {
    SCOPED_TRACE(key);
    Problem poisoned = problem_;
    poisoned.V(key, 1, 5) = kNaN;
    const Outcome outcome = Run(poisoned);
    ExpectOthersKeepBits(outcome, 0, 1, key);
    ForEachRow(0, 1, key, [&](int64_t token, int64_t head, bool reads) {
      if (!reads) return;
      EXPECT_TRUE(std::isnan(O(outcome, token, head, 5))) << "token " << token;
      ExpectSameChannel(outcome, token, head, 4);
      ExpectSameChannel(outcome, token, head, 6);
      ExpectSameLse(outcome, token, head);
    });
  }
}

TEST_P(Containment, InfinityInValueReachesItsChannelOfItsReaders) {
  for (int64_t key : kPoisonedKeys) {
    SCOPED_TRACE(key);
    Problem poisoned = problem_;
    poisoned.V(key, 0, 23) = -kInfinity;
    const Outcome outcome = Run(poisoned);
    ExpectOthersKeepBits(outcome, 0, 0, key);
    ForEachRow(0, 0, key, [&](int64_t token, int64_t head, bool reads) {
      if (!reads) return;
      EXPECT_EQ(O(outcome, token, head, 23), -kInfinity) << "token " << token;
      ExpectSameChannel(outcome, token, head, 22);
      ExpectSameLse(outcome, token, head);
    });
  }
}

TEST_P(Containment, NanInKeyReachesItsReaders) {
  for (int64_t key : kPoisonedKeys) {
    SCOPED_TRACE(key);
    Problem poisoned = problem_;
    poisoned.K(key, 0, 3) = kNaN;
    const Outcome outcome = Run(poisoned);
    ExpectOthersKeepBits(outcome, 0, 0, key);
    ForEachRow(0, 0, key, [&](int64_t token, int64_t head, bool reads) {
      if (!reads) return;
      for (int64_t c = 0; c < problem_.head_dim_v; ++c) {
        EXPECT_TRUE(std::isnan(O(outcome, token, head, c))) << "token " << token;
      }
      EXPECT_TRUE(std::isnan(outcome.lse[Lse(token, head)])) << "token " << token;
    });
  }
}

TEST_P(Containment, InfinityInKeyReachesItsReadersOnly) {
  // A score of -inf is a weight of zero; one of +inf makes the row NaN. Key 0 is left out: the only
  // key of the first query.
  for (int64_t key : {15, 21, 48, 69}) {
    SCOPED_TRACE(key);
    Problem poisoned = problem_;
    poisoned.K(key, 1, 0) = kInfinity;
    Outcome outcome = Run(poisoned);
    ExpectOthersKeepBits(outcome, 0, 1, key);
    ForEachRow(0, 1, key, [&](int64_t token, int64_t head, bool reads) {
      if (!reads) return;
      const bool positive = problem_.Q(token, head, 0) > 0;
      EXPECT_EQ(std::isnan(O(outcome, token, head, 0)), positive) << "token " << token;
      EXPECT_EQ(std::isfinite(outcome.lse[Lse(token, head)]), !positive) << "token " << token;
    });
    outcome.lse.clear();
    ExpectRightAttention(poisoned, problem_.Full() ? nullptr : &selection_, outcome);
  }
}

TEST_P(Containment, RowWithoutAFiniteScoreIsNaN) {
  // Key 0 is all that the first query of the first sequence sees when causal.
  if (problem_.options.causal == 0 || FewQueries()) {
    GTEST_SKIP() << "every row sees finite scores";
  }
  Problem poisoned = problem_;
  poisoned.Q(0, 0, 0) = 1;
  poisoned.K(0, 0, 0) = -kInfinity;
  const Outcome outcome = Run(poisoned);
  EXPECT_TRUE(std::isnan(O(outcome, 0, 0, 0)));
  EXPECT_EQ(outcome.lse[Lse(0, 0)], -kInfinity);
}

TEST_P(Containment, NanInQueryReachesItsRow) {
  const int64_t second = problem_.FirstQ(1);
  for (int64_t token : {int64_t{0}, second / 3, second - 1, second, problem_.TokensQ() - 1}) {
    SCOPED_TRACE(token);
    Problem poisoned = problem_;
    poisoned.Q(token, 2, 7) = kNaN;
    const Outcome outcome = Run(poisoned);
    for (int64_t t = 0; t < problem_.TokensQ(); ++t) {
      for (int64_t h = 0; h < problem_.heads; ++h) {
        const bool poisoned_row = t == token && h == 2;
        EXPECT_EQ(std::isnan(outcome.lse[Lse(t, h)]), poisoned_row) << "token " << t;
        for (int64_t c = 0; c < problem_.head_dim_v; ++c) {
          if (poisoned_row) {
            EXPECT_TRUE(std::isnan(O(outcome, t, h, c)));
          } else {
            EXPECT_EQ(OBits(outcome, t, h, c), OBits(clean_, t, h, c)) << "token " << t;
          }
        }
      }
    }
  }
}

TEST_P(Containment, HugeMaskedScoresDoNotFlattenVisibleOnes) {
  if (problem_.options.causal == 0) GTEST_SKIP() << "nothing is masked";
  // The key would dominate every row; queries before it do not see it.
  const int64_t key = FewQueries() ? 67 : 40;
  Problem huge = problem_;
  for (int64_t d = 0; d < huge.head_dim; ++d) huge.K(key, 0, d) = 3e4;
  const Outcome outcome = Run(huge);
  ExpectOthersKeepBits(outcome, 0, 0, key);
}

TEST_P(Containment, PoisonEverywhereStaysInItsSequence) {
  Problem poisoned = problem_;
  for (int64_t token = 0; token < 70; ++token) {
    for (int64_t head = 0; head < problem_.kv_heads; ++head) {
      for (int64_t d = 0; d < problem_.head_dim; ++d) poisoned.K(token, head, d) = kNaN;
      for (int64_t d = 0; d < problem_.head_dim_v; ++d) poisoned.V(token, head, d) = kInfinity;
    }
  }
  const Outcome outcome = Run(poisoned);
  const int64_t begin = problem_.FirstQ(1);
  const int64_t end = problem_.TokensQ();
  EXPECT_TRUE(RowBits(problem_, outcome, begin, end) == RowBits(problem_, clean_, begin, end));
}

MOBA_INSTANTIATE_GRID(, Containment, Cases());

// With routing in the call: poison in v does not touch the selection, poison in q changes its own
// row's only.
class RoutedContainment : public TargetTest {};

TEST_P(RoutedContainment, NanInOneQueryLeavesOtherSelections) {
  Problem problem;
  problem.heads = 2;
  problem.head_dim = problem.head_dim_v = 16;
  problem.sequences = {{200, 200}};
  problem.options = BlockSparse(kBlock, 3);
  Randomize(&problem, 12);
  const Outcome clean = Attend(Engine(), problem);
  problem.Q(190, 1, 0) = kNaN;
  const Outcome outcome = Attend(Engine(), problem);
  EXPECT_EQ(outcome.selection.Blocks(190, 1), (std::vector<int32_t>{0, 1, 11}));
  for (int64_t token = 0; token < 200; ++token) {
    for (int64_t head = 0; head < 2; ++head) {
      if (token == 190 && head == 1) continue;
      EXPECT_EQ(outcome.selection.Blocks(token, head), clean.selection.Blocks(token, head));
    }
  }
  EXPECT_TRUE(RowBits(problem, outcome, 0, 190) == RowBits(problem, clean, 0, 190));
  EXPECT_TRUE(RowBits(problem, outcome, 191, 200) == RowBits(problem, clean, 191, 200));
}

MOBA_INSTANTIATE_TARGETS(RoutedContainment);

}  // namespace
}  // namespace moba_test
