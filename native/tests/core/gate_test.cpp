#include "api/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace moba::api {
namespace {

TEST(Gate, ClosesOnlyWhenNobodyIsInside) {
  Gate gate;
  {
    const GatePass first(gate);
    const GatePass second(gate);
    EXPECT_TRUE(first);
    EXPECT_TRUE(second);
    EXPECT_FALSE(gate.Close());
  }
  EXPECT_TRUE(gate.Close());
  EXPECT_FALSE(gate.Close());
  EXPECT_FALSE(GatePass(gate));
  // A refused pass leaves nothing behind.
  EXPECT_FALSE(gate.Close());
}

TEST(Gate, NobodyEntersAfterTheClose) {
  for (int round = 0; round < 200; ++round) {
    Gate gate;
    std::atomic<bool> closed{false};
    std::atomic<int> entered_after_close{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          const bool was_closed = closed.load();
          const GatePass pass(gate);
          if (was_closed && pass) ++entered_after_close;
        }
      });
    }
    while (!gate.Close()) std::this_thread::yield();
    closed.store(true);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(entered_after_close.load(), 0);
  }
}

}  // namespace
}  // namespace moba::api
