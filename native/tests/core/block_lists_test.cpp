#include "core/block_lists.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace moba::core {
namespace {

TEST(BlockLists, EveryRowAppearsUnderEachBlockItSelectedInAscendingOrder) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const int64_t rows = random() % 40;
    const int64_t width = 1 + random() % 5;
    const int64_t blocks = 1 + random() % 9;
    std::vector<int32_t> selected;
    std::vector<std::vector<int32_t>> expected(static_cast<size_t>(blocks));
    for (int64_t row = 0; row < rows; ++row) {
      int64_t taken = 0;
      for (int32_t block = 0; block < blocks && taken < width; ++block) {
        if (random() % 2 == 0) continue;
        selected.push_back(block);
        expected[static_cast<size_t>(block)].push_back(static_cast<int32_t>(row));
        ++taken;
      }
      selected.insert(selected.end(), static_cast<size_t>(width - taken), -1);
    }
    std::vector<int64_t> begin(static_cast<size_t>(blocks + 2), -7);
    std::vector<int32_t> list(static_cast<size_t>(rows * width + 1), -7);
    BlockLists lists = {begin.data(), list.data()};
    lists.Build(selected.data(), rows, width, blocks);
    for (int64_t block = 0; block < blocks; ++block) {
      const std::vector<int32_t> found(lists.rows + begin[static_cast<size_t>(block)],
                                       lists.rows + begin[static_cast<size_t>(block + 1)]);
      EXPECT_EQ(found, expected[static_cast<size_t>(block)]) << "round " << round;
      int64_t chosen = block;
      while (chosen < blocks && expected[static_cast<size_t>(chosen)].empty()) ++chosen;
      EXPECT_EQ(lists.FirstChosen(block, blocks), chosen) << "round " << round;
    }
    EXPECT_EQ(lists.FirstChosen(blocks, blocks), blocks);
    EXPECT_EQ(list.back(), -7) << "wrote beyond the list";
  }
}

}  // namespace
}  // namespace moba::core
