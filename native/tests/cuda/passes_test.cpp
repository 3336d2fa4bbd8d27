// How runs are cut into passes, and passes into tiles.
#include "cuda/passes.h"

#include <gtest/gtest.h>

#include <vector>

#include "cuda/element.h"
#include "cuda/emulated_run.h"
#include "cuda/tensor_cores/contiguous.h"

namespace moba_test {
namespace {

using namespace moba::cuda;
namespace core = moba::core;

constexpr int64_t kGiB = int64_t{1} << 30;

int64_t Bytes(const PassCapacity& capacity, int64_t bytes_per_partial) {
  core::Carver carver(nullptr);
  TakeBlockLists(capacity.entries, capacity.lists, carver);
  carver.Take<char>(capacity.entries * bytes_per_partial);
  return carver.used();
}

// Every row and kv head is in one pass, and each pass fits.
void ExpectPasses(const RunSize& run, const PassCapacity& capacity, int64_t expected) {
  const Passes passes(run, capacity);
  ASSERT_EQ(passes.size(), expected);
  int64_t row = 0;
  int64_t kv_head = 0;
  for (int64_t i = 0; i < passes.size(); ++i) {
    const Pass pass = passes[i];
    ASSERT_EQ(pass.row_begin, row);
    ASSERT_EQ(pass.kv_head_begin, kv_head);
    ASSERT_GT(pass.num_rows(), 0);
    ASSERT_GT(pass.num_kv_heads, 0);
    const int64_t heads = pass.num_kv_heads * run.group_size;
    EXPECT_LE(pass.num_rows() * heads * run.slots, capacity.entries);
    EXPECT_LE(pass.num_kv_heads * run.num_parts, capacity.lists);
    row = pass.row_end;
    if (row < run.rows) {
      EXPECT_EQ(row % kPassRows, 0);
      EXPECT_EQ(pass.num_kv_heads, 1) << "rows are cut where one kv head is too large";
      continue;
    }
    row = 0;
    kv_head += pass.num_kv_heads;
  }
  EXPECT_EQ(kv_head, run.num_kv_heads);
}

TEST(CudaPasses, OfAMillionTokensStayInTheirBudget) {
  const int64_t budget = 5 * kGiB / 2;
  const int64_t partial = 128 * 2 + 8;
  const RunSize per_head = {int64_t{1} << 20, 16, 1, 8, 8192};
  const PassCapacity capacity = CapacityFor(per_head, partial, budget);
  EXPECT_LE(Bytes(capacity, partial), budget + (4 << 20)) << "lists are small beside the rest";
  EXPECT_GE(Bytes(capacity, partial), budget - (1 << 20));
  ExpectPasses(per_head, capacity, 16);

  const RunSize grouped = {int64_t{1} << 20, 4, 4, 8, 8192};
  ExpectPasses(grouped, CapacityFor(grouped, partial, budget), 4 * 4);
}

TEST(CudaPasses, OfASmallRunAreOne) {
  const RunSize run = {1000, 16, 2, 7, 30};
  const PassCapacity capacity = CapacityFor(run, 264, kGiB);
  EXPECT_EQ(capacity.entries, 1000 * 32 * 7) << "no more memory than the run can use";
  EXPECT_EQ(capacity.lists, 16 * 30);
  ExpectPasses(run, capacity, 1);
}

TEST(CudaPasses, OfSmallerRunsFitTheMemoryOfThePlan) {
  const RunSize largest = {100000, 12, 2, 8, 2000};
  const PassCapacity capacity = CapacityFor(largest, 264, 200 << 20);
  ExpectPasses(largest, capacity, 12 * 3);
  ExpectPasses({40000, 12, 2, 8, 2000}, capacity, 12);
  ExpectPasses({23000, 12, 2, 8, 1}, capacity, 6);
  ExpectPasses({4000, 12, 2, 8, 2000}, capacity, 1);
  ExpectPasses({4100, 12, 2, 8, 0}, capacity, 2);
  ExpectPasses({1, 12, 2, 8, 2000}, capacity, 1);
  EXPECT_EQ(Passes({0, 12, 2, 8, 2000}, capacity).size(), 0);
}

TEST(CudaPasses, HaveEvenShares) {
  const Passes kv_heads({100, 16, 1, 1, 1}, {1500, 16});
  EXPECT_EQ(kv_heads.size(), 2);
  EXPECT_EQ(kv_heads[0].num_kv_heads, 8);
  const Passes rows({1300, 1, 1, 1, 1}, {1290, 1});
  EXPECT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0].num_rows(), 768);
}

TEST(CudaPasses, HaveAtLeastATileOfRowsWhateverTheBudget) {
  const RunSize run = {1000, 3, 8, 500, 60};
  const PassCapacity capacity = CapacityFor(run, 1000, 1);
  EXPECT_EQ(capacity.entries, kPassRows * 8 * 500);
  ExpectPasses(run, capacity, 3 * 8);
  const RunSize short_run = {100, 3, 8, 500, 60};
  ExpectPasses(short_run, CapacityFor(short_run, 1000, 1), 3);
}

TEST(CudaPasses, HavePlacesThatFitInt32) {
  const RunSize run = {int64_t{1} << 26, 64, 1, 64, int64_t{1} << 26};
  const PassCapacity capacity = CapacityFor(run, 8, int64_t{1} << 45);
  EXPECT_EQ(capacity.entries, int64_t{1} << 30);
  EXPECT_EQ(capacity.lists, INT32_MAX);
  ExpectPasses(run, capacity, 64 * 4);
  ExpectPasses({100, 64, 1, 64, int64_t{1} << 26}, capacity, 3);  // 31 kv heads have lists
}

TEST(CudaPasses, AreNotForWhatListsCannotHold) {
  EXPECT_TRUE(HasPasses({1, 1, 128, 1 << 16, INT32_MAX}));
  EXPECT_FALSE(HasPasses({1, 1, 129, 1 << 16, 1}));
  EXPECT_FALSE(HasPasses({1, 1, 1, (1 << 16) + 1, 1}));
  EXPECT_FALSE(HasPasses({1, 1, (1 << 16) + 1, 1, 1}));
  EXPECT_FALSE(HasPasses({1, 1, 1, 1, int64_t{INT32_MAX} + 1}));
}

// Every query of the pass is in one tile, and no tile has queries of two sequences.
void ExpectTiles(const Problem& problem, const Pass& pass, int32_t tile_rows) {
  const StoredSequences sequences(problem, core::Operation::kAttendSelected);
  const RowTiles tiles = {sequences.Table(), pass, tile_rows};
  std::vector<int> visits(static_cast<size_t>(problem.TokensQ()));
  int64_t cut = 0;
  for (int64_t index = 0; index < tiles.num_indices(); ++index) {
    const RowTile tile = tiles.Find(index);
    ASSERT_GE(tile.count, 0);
    ASSERT_LE(tile.count, tile_rows);
    if (tile.count == 0) continue;
    ASSERT_GE(tile.first, 0);
    ASSERT_LE(tile.first + tile.count, tile.sequence.q_len);
    cut += tile.count < tile_rows;
    for (int64_t i = 0; i < tile.count; ++i) {
      ++visits.at(static_cast<size_t>(tile.sequence.row_begin + tile.first + i));
    }
  }
  EXPECT_LE(cut, static_cast<int64_t>(problem.sequences.size())) << "only last tiles are cut";
  for (int64_t row = 0; row < problem.TokensQ(); ++row) {
    const bool inside = pass.row_begin <= row && row < pass.row_end;
    ASSERT_EQ(visits[static_cast<size_t>(row)], inside) << "row " << row;
  }
}

TEST(CudaRowTiles, HaveEveryQueryOfThePassOnce) {
  Problem problem;
  problem.options = BlockSparse(8, 2);
  for (const std::vector<Lengths>& sequences : {std::vector<Lengths>{{1000, 1000}},
                                                {{64, 64}, {128, 1}, {1, 0}, {127, 5}, {65, 65}},
                                                {{0, 9}, {0, 0}, {5, 0}, {0, 3}, {300, 7}, {0, 0}},
                                                std::vector<Lengths>(130, {1, 20}),
                                                {{0, 5}}}) {
    problem.sequences = sequences;
    const int64_t rows = problem.TokensQ();
    for (int32_t tile_rows : {1, 64, 128}) {
      for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, rows},
                                       {0, rows / 2},
                                       {rows / 3, rows},
                                       {rows / 3, rows / 2},
                                       {rows / 2, rows / 2}}) {
        SCOPED_TRACE(testing::Message() << sequences.size() << " sequences, rows " << begin
                                        << " to " << end << ", tiles of " << tile_rows);
        ExpectTiles(problem, {begin, end, 0, 1}, tile_rows);
      }
    }
  }
}

TEST(CudaRowTiles, HaveEveryOneOfAMillionQueriesOnce) {
  constexpr int64_t kTokens = int64_t{1} << 20;
  Problem problem;
  problem.options = BlockSparse(128, 8);
  for (const std::vector<Lengths>& sequences :
       {std::vector<Lengths>{{kTokens, kTokens}}, {{kTokens - 77, kTokens}, {0, 5}, {77, 77}}}) {
    problem.sequences = sequences;
    ExpectTiles(problem, {0, kTokens, 0, 1}, 128);
    ExpectTiles(problem, {kTokens / 2, kTokens - 128, 0, 1}, 64);
  }
}

// The last tiles have most to do where all before them is seen.
TEST(CudaSchedule, BeginsWithLateQueries) {
  Problem problem;
  problem.options = FullAttention();
  problem.sequences = {{300, 300}, {200, 900}};
  const StoredSequences sequences(problem, core::Operation::kAttend);
  TileAttendArguments arguments = {};
  arguments.rows.num_heads = arguments.rows.num_kv_heads = 2;
  arguments.rows.causal = true;
  arguments.rows.sequences = sequences.Table();
  arguments.pass = {0, 500, 0, 2};
  const auto work = Contiguous<BF16, 64>::Of(arguments);
  std::vector<std::pair<int64_t, int64_t>> order;  // kv head, row
  for (int64_t index = 0; index < work.num_items(); ++index) {
    const auto item = work.Find(index);
    if (item.range.query_tiles == 0) continue;
    order.emplace_back(item.range.kv_head, item.tile.sequence.row_begin + item.tile.first);
  }
  const std::vector<std::pair<int64_t, int64_t>> expected = {{0, 428}, {0, 300}, {0, 256}, {0, 128},
                                                             {0, 0},   {1, 428}, {1, 300}, {1, 256},
                                                             {1, 128}, {1, 0}};
  EXPECT_EQ(order, expected);
}

}  // namespace
}  // namespace moba_test
