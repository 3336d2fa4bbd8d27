#include "cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace moba::cpu {
namespace {

TEST(ThreadPool, RunsEachTaskOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (const int64_t tasks : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      pool.Run(tasks, [&](int64_t task, int thread) {
        EXPECT_GE(thread, 0);
        EXPECT_LT(thread, threads);
        ++runs[static_cast<size_t>(task)];
      });
      for (const auto& count : runs) EXPECT_EQ(count.load(), 1);
    }
  }
}

TEST(ThreadPool, NoTwoTasksOfAJobShareAThreadNumberAtTheSameTime) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> inside(4);
  pool.Run(2000, [&](int64_t, int thread) {
    EXPECT_EQ(inside[static_cast<size_t>(thread)].fetch_add(1), 0);
    std::this_thread::yield();
    inside[static_cast<size_t>(thread)].fetch_sub(1);
  });
}

TEST(ThreadPool, ServesManyCallersAtOnce) {
  ThreadPool pool(3);
  std::atomic<int64_t> total{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        int64_t expected = 0;
        std::atomic<int64_t> sum{0};
        pool.Run(round, [&](int64_t task, int) { sum += task; });
        for (int64_t task = 0; task < round; ++task) expected += task;
        EXPECT_EQ(sum.load(), expected);
        total += 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total.load(), 800);
}

}  // namespace
}  // namespace moba::cpu
