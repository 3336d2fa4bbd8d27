// The emulated thread block: what makes the other tests of this folder worth something.
#include "cuda/block.h"

#include <gtest/gtest.h>

#include <vector>

namespace moba::cuda {
namespace {

constexpr ThreadOrder kOrders[] = {ThreadOrder::kAscending, ThreadOrder::kDescending,
                                   ThreadOrder::kInterleaved};

class EmulatedBlock : public testing::Test {
 protected:
  ~EmulatedBlock() override { emulated_order = ThreadOrder::kAscending; }
};

TEST_F(EmulatedBlock, RunsEveryThreadOnceInEveryPhase) {
  for (ThreadOrder order : kOrders) {
    emulated_order = order;
    Block block(0);
    PerThread<int> phases;
    std::vector<int> runs(kThreads, 0);
    for (int phase = 0; phase < 3; ++phase) {
      block.Each([&](int thread) { runs.at(thread) += ++phases[thread] == phase + 1 ? 1 : 100; });
    }
    EXPECT_EQ(runs, std::vector<int>(kThreads, 3));
  }
}

// Each thread takes its neighbour's value, in one phase or, with a barrier between, in two.
struct Rotate {
  struct Shared {
    int values[kThreads];
  };

  bool barrier;
  int* result;

  void operator()(Block& block, Shared& shared, int64_t /*index*/) const {
    block.Each([&](int thread) { shared.values[thread] = thread; });
    PerThread<int> own;
    const auto take = [&](int thread) { own[thread] = shared.values[(thread + 1) % kThreads]; };
    const auto put = [&](int thread) { shared.values[thread] = own[thread]; };
    if (barrier) {
      block.Each(take);
      block.Each(put);
    } else {
      block.Each([&](int thread) {
        take(thread);
        put(thread);
      });
    }
    block.Each([&](int thread) { result[thread] = shared.values[thread]; });
  }
};

TEST_F(EmulatedBlock, ShowsAMissingBarrier) {
  for (bool barrier : {true, false}) {
    std::vector<std::vector<int>> results;
    for (ThreadOrder order : kOrders) {
      emulated_order = order;
      results.emplace_back(kThreads);
      EXPECT_TRUE(Launch({nullptr, 1}, Rotate{barrier, results.back().data()}, 1).ok());
    }
    EXPECT_EQ(results[0] == results[1] && results[0] == results[2], barrier);
  }
}

TEST_F(EmulatedBlock, SpreadsIndicesOverWorkers) {
  struct Count {
    struct Shared {
      int unwritten;
    };
    std::vector<int64_t>* workers;
    void operator()(Block& block, Shared& shared, int64_t index) const {
      EXPECT_EQ(shared.unwritten, -1) << "shared memory is poison";
      shared.unwritten = 0;
      workers->at(index) = block.worker();
    }
  };
  std::vector<int64_t> workers(7, -1);
  EXPECT_TRUE(Launch({nullptr, 3}, Count{&workers}, 7).ok());
  EXPECT_EQ(workers, (std::vector<int64_t>{0, 1, 2, 0, 1, 2, 0}));
}

}  // namespace
}  // namespace moba::cuda
