// Lists of what selected each block, against sets made row by row.
#include "cuda/block_lists.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <tuple>

#include "cuda/emulated_run.h"
#include "guarded_memory.h"

namespace moba_test {
namespace {

using namespace moba::cuda;
namespace core = moba::core;

using Entry = std::tuple<uint32_t, uint16_t, uint16_t>;  // query, head of the group, slot
using Lists = std::map<int64_t, std::vector<Entry>>;     // by kv head of the pass and block

// A selection in guarded memory.
struct Layout {
  bool batched = false;
  bool head_major = false;
  int64_t channel_stride = 1;
};

class SelectionMemory {
 public:
  SelectionMemory(const Problem& problem, const Selection& selection, const Layout& layout)
      : memory_(
            std::max<size_t>(selection.blocks.size(), 1) * layout.channel_stride * sizeof(int32_t),
            sizeof(int32_t)) {
    const int64_t row = selection.width * layout.channel_stride;
    rows.data = reinterpret_cast<const char*>(memory_.data());
    rows.element_size = sizeof(int32_t);
    rows.token_stride = layout.head_major ? row : row * selection.heads;
    rows.head_stride = layout.head_major ? row * problem.TokensQ() : row;
    rows.channel_stride = layout.channel_stride;
    if (layout.batched) rows.batch_stride = rows.token_stride * problem.sequences[0].q;
    auto* const target = reinterpret_cast<int32_t*>(memory_.data());
    for (int64_t token = 0; token < problem.TokensQ(); ++token) {
      for (int64_t head = 0; head < selection.heads; ++head) {
        const int64_t at = token * rows.token_stride + head * rows.head_stride;
        for (int64_t place = 0; place < selection.width; ++place) {
          target[at + place * layout.channel_stride] = selection.Row(token, head)[place];
        }
      }
    }
  }

  core::InputRows rows;

 private:
  GuardedMemory memory_;
};

bool FollowsRules(const std::vector<int32_t>& row, int64_t visible) {
  const auto end = std::find(row.begin(), row.end(), -1);
  return std::all_of(end, row.end(), [](int32_t block) { return block == -1; }) &&
         std::is_sorted(row.begin(), end) && std::adjacent_find(row.begin(), end) == end &&
         std::all_of(row.begin(), end, [&](int32_t b) { return 0 <= b && b < visible; });
}

Lists Expected(const Problem& problem, const Selection& selection, const Pass& pass,
               core::Operation operation = core::Operation::kAttendSelected) {
  const int64_t group = problem.heads / problem.kv_heads;
  const auto blocks_of = [&](int64_t keys) {
    return core::CeilDiv(keys, problem.options.block_size);
  };
  const StoredSequences sequences(problem, operation);
  Lists lists;
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    const auto [q_len, k_len] = problem.sequences[s];
    for (int64_t i = 0; i < q_len; ++i) {
      const int64_t row = problem.FirstQ(s) + i;
      if (row < pass.row_begin || row >= pass.row_end) continue;
      const int64_t position = k_len - q_len + i;
      const bool causal = problem.options.causal != 0;
      const int64_t visible = blocks_of(causal ? std::max<int64_t>(position + 1, 0) : k_len);
      for (int64_t kv = 0; kv < pass.num_kv_heads; ++kv) {
        for (int64_t h = 0; h < group; ++h) {
          const int32_t* const begin = selection.Row(row, (pass.kv_head_begin + kv) * group + h);
          const std::vector<int32_t> blocks(begin, begin + selection.width);
          if (!FollowsRules(blocks, visible)) continue;
          for (int64_t slot = 0; slot < selection.width; ++slot) {
            const int32_t block = blocks[slot];
            if (block == -1 || (causal && block == position / problem.options.block_size)) continue;
            const int64_t list = sequences.records[s].part_begin + block;
            lists[kv * sequences.totals.parts + list].emplace_back(i, h, slot);
          }
        }
      }
    }
  }
  return lists;
}

// Lists in memory that holds what is expected and not an element more.
struct ListMemory {
  GuardedMemory sizes, begins, entries, items, num_items;
  int64_t num_lists;
  int64_t num_entries;
  BlockLists lists;

  static GuardedMemory Poison(int64_t count, size_t size) {
    GuardedMemory memory(std::max<int64_t>(count, 1) * size, alignof(int32_t));
    std::memset(memory.data(), 0x7e, memory.size());
    return memory;
  }

  ListMemory(int64_t num_kv_heads, int64_t num_parts, int64_t entries_expected,
             int64_t items_expected)
      : sizes(Poison(num_kv_heads * num_parts, sizeof(int32_t))),
        begins(Poison(num_kv_heads * num_parts + 1, sizeof(int32_t))),
        entries(Poison(entries_expected, sizeof(ListEntry))),
        items(Poison(items_expected, sizeof(ListItem))),
        num_items(Poison(1, sizeof(int32_t))),
        num_lists(num_kv_heads * num_parts),
        num_entries(entries_expected),
        lists{num_parts,
              reinterpret_cast<int32_t*>(sizes.data()),
              reinterpret_cast<int32_t*>(begins.data()),
              reinterpret_cast<ListEntry*>(entries.data()),
              reinterpret_cast<ListItem*>(items.data()),
              reinterpret_cast<int32_t*>(num_items.data())} {}

  void ExpectSurroundingsUntouched() const {
    for (const GuardedMemory* memory : {&sizes, &begins, &entries, &items, &num_items}) {
      EXPECT_TRUE(memory->SurroundingsUntouched());
    }
  }
};

void ExpectLists(const Lists& expected, const ListMemory& memory) {
  const BlockLists& lists = memory.lists;
  int32_t begin = 0;
  int32_t item = 0;
  for (int64_t list = 0; list < memory.num_lists; ++list) {
    SCOPED_TRACE(testing::Message() << "list " << list);
    const auto found = expected.find(list);
    std::vector<Entry> wanted = found == expected.end() ? std::vector<Entry>() : found->second;
    const auto size = static_cast<int32_t>(wanted.size());
    ASSERT_EQ(lists.sizes[list], size);
    ASSERT_EQ(lists.begins[list], begin);
    std::vector<Entry> entries;
    for (int32_t i = begin; i < begin + size; ++i) {
      const ListEntry& entry = lists.entries[i];
      entries.emplace_back(entry.query, entry.head, entry.slot);
    }
    std::sort(entries.begin(), entries.end());
    std::sort(wanted.begin(), wanted.end());
    ASSERT_EQ(entries, wanted);
    for (int32_t first = 0; first < size; first += kItemEntries) {
      ASSERT_EQ(lists.items[item].list, list);
      ASSERT_EQ(lists.items[item].first, first);
      ASSERT_EQ(lists.NumEntries(lists.items[item]), std::min(size - first, kItemEntries));
      ++item;
    }
    begin += size;
  }
  EXPECT_EQ(lists.begins[memory.num_lists], begin);
  EXPECT_EQ(*lists.num_items, item);
  memory.ExpectSurroundingsUntouched();
}

int64_t NumEntries(const Lists& lists) {
  int64_t entries = 0;
  for (const auto& [list, of_list] : lists) entries += static_cast<int64_t>(of_list.size());
  return entries;
}

class CudaBlockLists : public testing::Test {
 protected:
  ~CudaBlockLists() override { emulated_order = ThreadOrder::kAscending; }

  static Problem Make(std::vector<Lengths> sequences, int64_t block_size, bool causal = true) {
    Problem problem;
    problem.sequences = std::move(sequences);
    problem.options = BlockSparse(block_size, 0);
    problem.options.causal = causal ? 1 : 0;
    return problem;
  }

  // Up to `width` visible blocks in each row, more often early ones; with the own block or not.
  Selection Random(const Problem& problem, int64_t width) {
    Selection selection = {problem.heads, width, {}};
    selection.blocks.assign(problem.TokensQ() * problem.heads * width, -1);
    for (size_t s = 0; s < problem.sequences.size(); ++s) {
      for (int64_t i = 0; i < problem.sequences[s].q; ++i) {
        const int64_t blocks =
            core::CeilDiv(VisibleKeys(problem, s, i), problem.options.block_size);
        for (int64_t head = 0; head < problem.heads; ++head) {
          std::vector<int32_t> row;
          for (int64_t block = 0; block < blocks; ++block) {
            if (random_() % static_cast<uint64_t>(block + 2) < 2) {
              row.push_back(static_cast<int32_t>(block));
            }
          }
          if (static_cast<int64_t>(row.size()) > width) row.resize(width);
          std::copy(row.begin(), row.end(), selection.Row(problem.FirstQ(s) + i, head));
        }
      }
    }
    return selection;
  }

  static Pass Whole(const Problem& problem) { return {0, problem.TokensQ(), 0, problem.kv_heads}; }

  static void ExpectRight(const Problem& problem, const Selection& selection, const Pass& pass,
                          const Layout& layout = {},
                          core::Operation operation = core::Operation::kAttendSelected) {
    const Lists expected = Expected(problem, selection, pass, operation);
    const int64_t num_entries = NumEntries(expected);
    int64_t num_items = 0;
    for (const auto& [list, entries] : expected) {
      num_items += core::CeilDiv(static_cast<int64_t>(entries.size()), kItemEntries);
    }
    const SelectionMemory selected(problem, selection, layout);
    const StoredSequences sequences(problem, operation, layout.batched);
    const int64_t num_parts = sequences.totals.parts;
    EXPECT_LE(num_items, MostItems(num_entries, pass.num_kv_heads * num_parts));
    for (ThreadOrder order : kThreadOrders) {
      SCOPED_TRACE(testing::Message() << "order " << static_cast<int>(order));
      emulated_order = order;
      const ListMemory memory(pass.num_kv_heads, num_parts, num_entries, num_items);
      ASSERT_TRUE(LaunchBlockLists({nullptr, kEmulatedWorkers},
                                   {.causal = problem.options.causal != 0,
                                    .selected = selected.rows,
                                    .width = selection.width,
                                    .group_size = problem.heads / problem.kv_heads,
                                    .sequences = sequences.Table(),
                                    .pass = pass,
                                    .lists = memory.lists})
                      .ok());
      ExpectLists(expected, memory);
    }
  }

  void ExpectRight(const Problem& problem, int64_t width, const Layout& layout = {}) {
    ExpectRight(problem, Random(problem, width), Whole(problem), layout);
  }

  std::mt19937 random_{11};
};

const std::vector<Lengths> kOddSequences = {{0, 0},  {1, 1},  {0, 0}, {37, 37},   {2, 90},
                                            {70, 3}, {0, 17}, {5, 0}, {130, 140}, {0, 0}};

TEST_F(CudaBlockLists, OfPackedSequences) {
  for (bool causal : {true, false}) {
    for (int64_t block_size : {1, 8, 64, 1000}) {
      for (const auto& [heads, kv_heads] : {std::pair<int64_t, int64_t>{1, 1}, {3, 3}, {6, 2}}) {
        SCOPED_TRACE(testing::Message() << "causal " << causal << ", blocks of " << block_size
                                        << ", " << heads << " heads over " << kv_heads);
        Problem problem = Make(kOddSequences, block_size, causal);
        problem.heads = heads;
        problem.kv_heads = kv_heads;
        ExpectRight(problem, 5);
      }
    }
  }
}

TEST_F(CudaBlockLists, OfABatchInAnyLayout) {
  Problem problem = Make({{30, 47}, {30, 47}, {30, 47}}, 4);
  problem.heads = 4;
  problem.kv_heads = 2;
  for (bool batched : {false, true}) {
    for (bool head_major : {false, true}) {
      for (int64_t channel_stride : {1, 3}) {
        ExpectRight(problem, 6, {batched, head_major, channel_stride});
      }
    }
  }
}

TEST_F(CudaBlockLists, OfDenseSequencesAreEmpty) {
  Problem problem = Make({{10, 10}, {20, 50}}, 4);
  problem.options.top_k = 4;
  const StoredSequences sequences(problem, core::Operation::kAttend);
  ASSERT_TRUE(sequences.records[0].dense && !sequences.records[1].dense);
  EXPECT_EQ(sequences.records[1].part_begin, 1);
  // What is there need not have been written: here it breaks the rules, and has no entries either.
  Selection selection = Random(problem, 4);
  std::fill(selection.Row(0, 0), selection.Row(10, 0), -7);
  ExpectRight(problem, selection, Whole(problem), {}, core::Operation::kAttend);
  const Selection valid = Random(problem, 4);
  std::copy(valid.Row(0, 0), valid.Row(10, 0), selection.Row(0, 0));
  const ListMemory memory(problem.kv_heads, sequences.totals.parts, 1000, 1000);
  const SelectionMemory selected(problem, selection, {});
  ASSERT_TRUE(
      LaunchBlockLists({nullptr, kEmulatedWorkers}, {.causal = problem.options.causal != 0,
                                                     .selected = selected.rows,
                                                     .width = selection.width,
                                                     .group_size = problem.heads / problem.kv_heads,
                                                     .sequences = sequences.Table(),
                                                     .pass = Whole(problem),
                                                     .lists = memory.lists})
          .ok());
  EXPECT_EQ(memory.lists.sizes[0], 0);
}

TEST_F(CudaBlockLists, OfPassesThatBeginAndEndInsideSequences) {
  Problem problem = Make(kOddSequences, 8);
  problem.heads = 6;
  problem.kv_heads = 3;
  const Selection selection = Random(problem, 4);
  for (const Pass& pass : {Pass{0, 1, 0, 1},
                           {10, 100, 1, 2},
                           {100, 245, 2, 1},
                           {40, 111, 0, 3},
                           {244, 245, 1, 1},
                           {50, 50, 0, 3}}) {
    SCOPED_TRACE(testing::Message() << "rows " << pass.row_begin << " to " << pass.row_end);
    ExpectRight(problem, selection, pass);
  }
}

TEST_F(CudaBlockLists, OfABlockThatEveryQuerySelectsAreCut) {
  for (int64_t queries : {511, 512, 513, 1500}) {
    Problem problem = Make({{queries, queries}}, 1, false);
    Selection sink = {1, 2, std::vector<int32_t>(queries * 2, -1)};
    for (int64_t token = 0; token < queries; ++token) {
      sink.Row(token, 0)[0] = 0;
      if (token % 2 == 0 && token > 0) sink.Row(token, 0)[1] = static_cast<int32_t>(token);
    }
    ExpectRight(problem, sink, Whole(problem));
  }
}

// A sink: 2048 items of one list, and a million lists of at most one entry.
TEST_F(CudaBlockLists, OfAMillionQueriesAndBlocks) {
  constexpr int64_t kTokens = int64_t{1} << 20;
  const Problem problem = Make({{kTokens, kTokens}}, 1);
  Selection sink = {1, 2, std::vector<int32_t>(kTokens * 2, -1)};
  for (int64_t token = 0; token < kTokens; ++token) {
    sink.Row(token, 0)[0] = 0;
    if (token > 1) sink.Row(token, 0)[1] = static_cast<int32_t>(token - 1);
  }
  const SelectionMemory selected(problem, sink, {});
  const StoredSequences sequences(problem, core::Operation::kAttendSelected);
  constexpr int64_t kSinkEntries = kTokens - 1;  // query 0 has a mask there
  constexpr int64_t kSinkItems = kSinkEntries / kItemEntries + 1;
  const ListMemory memory(1, kTokens, kSinkEntries + kTokens - 2, kSinkItems + kTokens - 2);
  ASSERT_TRUE(LaunchBlockLists({nullptr, kEmulatedWorkers}, {.causal = true,
                                                             .selected = selected.rows,
                                                             .width = 2,
                                                             .group_size = 1,
                                                             .sequences = sequences.Table(),
                                                             .pass = Whole(problem),
                                                             .lists = memory.lists})
                  .ok());
  const BlockLists& lists = memory.lists;
  ASSERT_EQ(lists.sizes[0], kSinkEntries);
  EXPECT_EQ(*lists.num_items, kSinkItems + kTokens - 2);
  std::vector<bool> queries(kTokens);
  for (int64_t i = 0; i < kSinkEntries; ++i) queries.at(lists.entries[i].query) = true;
  EXPECT_EQ(std::count(queries.begin(), queries.end(), true), kSinkEntries);
  EXPECT_FALSE(queries[0]);
  for (int64_t i = 0; i < kSinkItems; ++i) {
    ASSERT_TRUE(lists.items[i].list == 0 && lists.items[i].first == i * kItemEntries);
  }
  for (int64_t list = 1; list < kTokens - 1; ++list) {
    ASSERT_EQ(lists.sizes[list], 1);
    ASSERT_EQ(lists.begins[list], kSinkEntries + list - 1);
    ASSERT_EQ(lists.entries[lists.begins[list]].query, list + 1);
    ASSERT_EQ(lists.items[kSinkItems + list - 1].list, list);
  }
  EXPECT_EQ(lists.sizes[kTokens - 1], 0);
  EXPECT_EQ(lists.begins[kTokens], kSinkEntries + kTokens - 2);
  memory.ExpectSurroundingsUntouched();
}

TEST_F(CudaBlockLists, OfMoreBlocksThanAreAddedUpAtOnce) {
  Problem problem = Make({{200, 200}, {90, 20000}}, 1, false);
  Selection selection = {1, 3, {}};
  for (int64_t token = 0; token < 290; ++token) {
    const uint32_t blocks = token < 200 ? 200 : 20000;
    std::vector<int32_t> row;
    for (int i = 0; i < 3; ++i) row.push_back(static_cast<int32_t>(random_() % blocks));
    std::sort(row.begin(), row.end());
    const auto end = std::unique(row.begin(), row.end());
    std::fill(end, row.end(), -1);
    selection.blocks.insert(selection.blocks.end(), row.begin(), row.end());
  }
  ExpectRight(problem, selection, Whole(problem));
}

// Causal, blocks of 8: query i of the first sequence sees blocks 0 .. i / 8.
TEST_F(CudaBlockLists, LeaveOutRowsThatAreNoSelection) {
  Problem problem = Make({{64, 64}, {5, 40}}, 8);
  problem.heads = 2;
  const Selection good = Random(problem, 3);
  const std::vector<int32_t> bad[] = {
      {2, 1, -1},          {1, 1, -1}, {-1, 1, -1},         {0, -1, 1},  {0, 1, -2}, {-5, 1, 2},
      {INT32_MIN, -1, -1}, {0, 1, 4},  {INT32_MAX, -1, -1}, {-1, -1, 0}, {-2, 0, 1}, {0, 1, 8}};
  for (const auto& row : bad) {
    SCOPED_TRACE(testing::PrintToString(row));
    Selection selection = good;
    std::copy(row.begin(), row.end(), selection.Row(20, 1));
    const auto entries_of = [&](int64_t begin, int64_t end) {
      return NumEntries(Expected(problem, selection, {begin, end, 0, 1}));
    };
    problem.kv_heads = 1;
    selection.Row(20, 0)[0] = -1;
    selection.Row(20, 0)[1] = selection.Row(20, 0)[2] = -1;
    EXPECT_EQ(entries_of(20, 21), 0);
    EXPECT_GT(entries_of(0, 69), 0);
    ExpectRight(problem, selection, Whole(problem));
  }
}

TEST_F(CudaBlockLists, OfSelectionsWithAndWithoutTheOwnBlock) {
  const Problem problem = Make({{32, 32}}, 8);
  Selection selection = {1, 2, std::vector<int32_t>(64, -1)};
  for (int64_t token = 8; token < 32; ++token) {
    selection.Row(token, 0)[0] = 0;
    if (token % 2 == 0) selection.Row(token, 0)[1] = static_cast<int32_t>(token / 8);
  }
  EXPECT_EQ(NumEntries(Expected(problem, selection, Whole(problem))), 24);
  ExpectRight(problem, selection, Whole(problem));
}

TEST_F(CudaBlockLists, OfNothingAreEmpty) {
  const Problem problem = Make({{20, 20}}, 8);
  const Selection nothing = {1, 40, std::vector<int32_t>(20 * 40, -1)};
  ExpectRight(problem, nothing, Whole(problem));
  ExpectRight(Make({{7, 0}}, 8), 3);
}

// Rows that change while the lists are made, as they are the memory that the kernels write to: when
// it is counted every row of head 0 selects block 0, later the block whose number is the size that
// list 0 has by then; head 1 always selects block 256.
TEST_F(CudaBlockLists, StayInTheirMemoryIfTheSelectionChanges) {
  constexpr int64_t kRows = 600;
  constexpr int64_t kBlocks = 2000;
  Problem problem = Make({{kRows, kBlocks}}, 1, false);
  const StoredSequences sequences(problem, core::Operation::kAttendSelected);
  for (ThreadOrder order : kThreadOrders) {
    emulated_order = order;
    ListMemory memory(1, kBlocks, 2 * kRows, 4);
    std::vector<int32_t> sizes_and_block(kBlocks + 1, 256);
    BlockLists& lists = memory.lists;
    lists.sizes = sizes_and_block.data();
    ASSERT_TRUE(
        LaunchBlockLists({nullptr, 1}, {.causal = false,
                                        .selected = {.data = reinterpret_cast<char*>(lists.sizes),
                                                     .element_size = sizeof(int32_t),
                                                     .head_stride = kBlocks},
                                        .width = 1,
                                        .group_size = 2,
                                        .sequences = sequences.Table(),
                                        .pass = {0, kRows, 0, 1},
                                        .lists = lists})
            .ok());
    memory.ExpectSurroundingsUntouched();
    EXPECT_EQ(sizes_and_block.back(), 256);
    EXPECT_EQ(lists.begins[kBlocks], 2 * kRows);
    for (int64_t list = 0; list < kBlocks; ++list) {
      const int32_t room = lists.begins[list + 1] - lists.begins[list];
      ASSERT_EQ(room, list == 0 || list == 256 ? kRows : 0);
      ASSERT_GE(lists.sizes[list], 0);
      ASSERT_LE(lists.sizes[list], room);
      for (int32_t i = 0; i < lists.sizes[list]; ++i) {
        const ListEntry& entry = lists.entries[lists.begins[list] + i];
        ASSERT_TRUE(entry.query < kRows && entry.head < 2 && entry.slot == 0);
      }
    }
    EXPECT_LT(lists.sizes[0], kRows);
    EXPECT_EQ(lists.sizes[256], kRows);
    EXPECT_EQ(*lists.num_items, 4);
    EXPECT_EQ(lists.NumEntries({0, 0}), std::min(lists.sizes[0], kItemEntries));
    EXPECT_EQ(lists.NumEntries({1, 0}), 0);
    EXPECT_EQ(lists.NumEntries({0, kItemEntries}), 0);
  }
}

TEST(CudaListItems, AreBoundedTightly) {
  EXPECT_EQ(MostItems(0, 100), 0);
  EXPECT_EQ(MostItems(100, 0), 0);
  EXPECT_EQ(MostItems(5, 100), 5);
  EXPECT_EQ(MostItems(kItemEntries, 1), 1);
  EXPECT_EQ(MostItems(kItemEntries + 1, 1), 2);
  EXPECT_EQ(MostItems(2 * kItemEntries, 2), 3);  // 1 and all others but 1
  EXPECT_EQ(MostItems(int64_t{1} << 40, int64_t{1} << 31), (int64_t{1} << 31) * 2 - (1 << 22));
}

}  // namespace
}  // namespace moba_test
