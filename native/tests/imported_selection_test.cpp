// moba_attend_selected with selections no routing would make: the caller's choice is followed to
// the letter, and the own block is not added.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

// For every row a random set of at most `most` of the blocks it may select, sometimes none.
Selection RandomSelection(const Problem& problem, int64_t most, int64_t width, uint64_t seed) {
  std::mt19937_64 random(seed);
  Selection selection;
  selection.heads = problem.heads;
  selection.width = width;
  selection.blocks.assign(problem.TokensQ() * problem.heads * width, -1);
  const int64_t size = problem.options.block_size;
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    for (int64_t i = 0; i < problem.sequences[s].q; ++i) {
      const int64_t allowed = (VisibleKeys(problem, s, i) + size - 1) / size;
      for (int64_t h = 0; h < problem.heads; ++h) {
        std::vector<int32_t> blocks(allowed);
        for (int64_t block = 0; block < allowed; ++block) blocks[block] = block;
        std::shuffle(blocks.begin(), blocks.end(), random);
        blocks.resize(std::min<int64_t>(allowed, random() % (most + 1)));
        std::sort(blocks.begin(), blocks.end());
        std::copy(blocks.begin(), blocks.end(), selection.Row(problem.FirstQ(s) + i, h));
      }
    }
  }
  return selection;
}

std::vector<GridCase> Cases() {
  std::vector<GridCase> cases;
  for (int32_t dtype : kStorageDtypes) {
    for (int32_t causal : {1, 0}) {
      for (Arrangement arrangement : {Arrangement::kTokenMajor, Arrangement::kSlice}) {
        Problem problem;
        problem.dtype = dtype;
        problem.heads = 4;
        problem.kv_heads = 2;
        problem.head_dim = 24;
        problem.head_dim_v = 16;
        problem.sequences = {{90, 90}, {30, 75}, {20, 9}, {1, 130}, {0, 4}};
        problem.options = BlockSparse(16, 0);
        problem.options.causal = causal;
        RunOptions run;
        run.arrangement = arrangement;
        cases.push_back({DtypeName(dtype) + (causal != 0 ? "_causal" : "_bidirectional") + "_" +
                             ArrangementName(arrangement),
                         problem, run});
        if (dtype == MOBA_F32 || arrangement == Arrangement::kSlice) continue;
        problem.head_dim = problem.head_dim_v = 64;
        cases.push_back({cases.back().name + "_tensor_cores", problem, run});
      }
    }
  }
  return cases;
}

class ImportedSelection : public GridTest {
 protected:
  void ExpectFollowed(int64_t most, int64_t width, uint64_t seed) const {
    Problem problem = Case().problem;
    Randomize(&problem, seed);
    const Selection selection = RandomSelection(problem, most, width, seed);
    const Outcome outcome = AttendSelected(Engine(), problem, selection, Case().run);
    ExpectRightAttention(problem, &selection, outcome);
  }
};

TEST_P(ImportedSelection, OfOneBlockIsFollowed) { ExpectFollowed(1, 1, 4); }
TEST_P(ImportedSelection, OfSomeBlocksIsFollowed) { ExpectFollowed(4, 4, 5); }
TEST_P(ImportedSelection, OfAnyNumberOfBlocksIsFollowed) { ExpectFollowed(9, 9, 6); }
TEST_P(ImportedSelection, WiderThanAnySequenceHasBlocksIsFollowed) { ExpectFollowed(9, 40, 7); }
TEST_P(ImportedSelection, OfNoBlocksGivesZero) {
  Problem problem = Case().problem;
  Randomize(&problem, 8);
  const Selection nothing = RandomSelection(problem, 0, 3, 8);
  const Outcome outcome = AttendSelected(Engine(), problem, nothing, Case().run);
  EXPECT_EQ(outcome.o, std::vector<double>(outcome.o.size(), 0.0));
  EXPECT_EQ(outcome.lse,
            std::vector<double>(outcome.lse.size(), -std::numeric_limits<double>::infinity()));
}

TEST_P(ImportedSelection, PaddingDoesNotChangeBits) {
  Problem problem = Case().problem;
  Randomize(&problem, 9);
  const Selection narrow = RandomSelection(problem, 5, 5, 9);
  const Selection wide = RandomSelection(problem, 5, 21, 9);
  EXPECT_TRUE(RowBits(problem, AttendSelected(Engine(), problem, narrow, Case().run)) ==
              RowBits(problem, AttendSelected(Engine(), problem, wide, Case().run)));
}

// Beyond 64 blocks a row's sums are compensated: what counts is what rows select, not the width.
TEST_P(ImportedSelection, PaddingDoesNotChangeBitsOfSequencesOfManyBlocks) {
  Problem problem = Case().problem;
  problem.options.block_size = 4;
  problem.sequences = {{70, 500}, {50, 50}};
  Randomize(&problem, 11);
  const Selection narrow = RandomSelection(problem, 5, 5, 11);
  const Selection wide = RandomSelection(problem, 5, 100, 11);
  EXPECT_TRUE(RowBits(problem, AttendSelected(Engine(), problem, narrow, Case().run)) ==
              RowBits(problem, AttendSelected(Engine(), problem, wide, Case().run)));
}

TEST_P(ImportedSelection, IgnoresRoutingOptions) {
  Problem problem = Case().problem;
  Randomize(&problem, 10);
  const Selection selection = RandomSelection(problem, 5, 5, 10);
  const Outcome expected = AttendSelected(Engine(), problem, selection, Case().run);
  problem.options.top_k = 2;
  problem.options.sink_blocks = 1;
  problem.options.routing = MOBA_ROUTING_PER_GROUP;
  EXPECT_TRUE(RowBits(problem, expected) ==
              RowBits(problem, AttendSelected(Engine(), problem, selection, Case().run)));
}

MOBA_INSTANTIATE_GRID(, ImportedSelection, Cases());

}  // namespace
}  // namespace moba_test
