// Many runs at once, and runs that are watched, cancelled or in the way of a destroy.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

using Clock = std::chrono::steady_clock;

Problem Small() {
  Problem problem;
  problem.heads = 2;
  problem.head_dim = problem.head_dim_v = 32;
  problem.sequences = {{120, 120}, {7, 90}};
  problem.options = BlockSparse(16, 3);
  Randomize(&problem, 19);
  return problem;
}

// Full attention of seconds to minutes; tests cancel it.
Problem Long() {
  Problem problem;
  problem.heads = 4;
  problem.head_dim = problem.head_dim_v = 64;
  problem.sequences = {{30'000, 30'000}};
  problem.options = FullAttention();
  const auto tile = [](std::vector<double>* values, size_t count) {
    values->resize(count);
    for (size_t i = 0; i < count; ++i) (*values)[i] = static_cast<double>(i * 37 % 101) / 101 - 0.5;
  };
  tile(&problem.q, 30'000 * 4 * 64);
  tile(&problem.k, 30'000 * 64);
  tile(&problem.v, 30'000 * 64);
  return problem;
}

class Concurrency : public TargetTest {};

TEST_P(Concurrency, EightThreadsRunOnePlan) {
  const Problem problem = Small();
  const Outcome expected = Attend(Engine(), problem);
  Call first(problem, Operation::kAttend, {});
  const OwnedPlan plan(Engine(), first.config);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      Call call(problem, Operation::kAttend, {});
      call.MakeWorkspace(plan);
      for (int repeat = 0; repeat < 10; ++repeat) {
        if (call.Run(plan.get()) != MOBA_OK || !call.OutputsComplete() ||
            call.o_memory->Bits() != expected.o_bits ||
            call.lse_memory->Bits() != expected.lse_bits) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(Concurrency, EightThreadsMakePlansOnOneEngine) {
  const Problem problem = Small();
  const moba_engine* engine = Engine();
  const Outcome expected = Attend(engine, problem);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 5; ++repeat) {
        const Outcome routed = Route(engine, problem);
        const Outcome attended = AttendSelected(engine, problem, routed.selection);
        if (attended.o_bits != expected.o_bits) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(Concurrency, EnginesComeAndGoWhileOthersRun) {
  const Problem problem = Small();
  const Outcome expected = Attend(Engine(), problem);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 8; ++repeat) {
        const OwnedEngine engine(GetParam(), 1 + repeat % 3);
        if (Attend(engine.get(), problem).o_bits != expected.o_bits) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// The caller may write to index arrays while a run reads them. What comes out is undefined, but the
// run stays inside its memory.
TEST_P(Concurrency, IndicesThatChangeDuringRunsDoNoHarm) {
  const Problem problem = Small();
  const Selection selection = Router(problem).Select();
  Call call(problem, Operation::kAttendSelected, {}, &selection);
  const OwnedPlan plan(Engine(), call.config);
  call.MakeWorkspace(plan);
  auto* const lengths = reinterpret_cast<int32_t*>(call.cu_k_memory->origin());
  auto* const blocks = reinterpret_cast<int32_t*>(call.selected_memory->origin());
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    uint32_t random = 1;
    while (!stop) {
      random = random * 1664525 + 1013904223;
      const int32_t choices[] = {120, 121, 0, 1 << 30, -7};
      std::atomic_ref(lengths[1]).store(choices[random >> 20 & 1 ? 0 : (random >> 24) % 5]);
      std::atomic_ref(blocks[(random >> 8) % selection.blocks.size()])
          .store(random >> 30 == 0 ? static_cast<int32_t>(random >> 4) : 0);
      std::atomic_ref(lengths[1]).store(120);
    }
  });
  for (int repeat = 0; repeat < (Reduced() ? 100 : 500); ++repeat) {
    std::copy(selection.blocks.begin(), selection.blocks.end(), blocks);
    const int32_t status = call.Run(plan.get());
    EXPECT_TRUE(status == MOBA_OK || status == MOBA_INVALID_ARGUMENT) << moba_last_error();
  }
  stop = true;
  writer.join();
  EXPECT_TRUE(call.o_memory->NothingElseWritten() && call.lse_memory->NothingElseWritten());
  EXPECT_TRUE(call.workspace_memory->SurroundingsUntouched());
}

TEST_P(Concurrency, LastErrorBelongsToItsThread) {
  EXPECT_EQ(moba_engine_create(nullptr, nullptr), MOBA_INVALID_ARGUMENT);
  std::string elsewhere = "unset";
  std::thread([&] { elsewhere = moba_last_error(); }).join();
  EXPECT_EQ(elsewhere, "");
}

// A long run on another thread, watched through its progress counter.
class LongRun {
 public:
  LongRun(const moba_engine* engine, const Problem& problem)
      : call_(problem, Operation::kAttend, {}), plan_(engine, call_.config) {
    call_.MakeWorkspace(plan_);
    call_.progress = progress_;
    call_.cancel = &cancel_;
    thread_ = std::thread([this] { status_ = call_.Run(plan_.get()); });
    while (std::atomic_ref(progress_[0]).load() == 0 && !Done()) std::this_thread::yield();
  }
  ~LongRun() { Cancel(); }

  // Returns the status of the run.
  int32_t Cancel() {
    std::atomic_ref(cancel_).store(1);
    if (thread_.joinable()) thread_.join();
    return status_;
  }
  bool Done() const { return status_.load() != -1; }
  int64_t done() { return std::atomic_ref(progress_[0]).load(); }
  int64_t total() { return std::atomic_ref(progress_[1]).load(); }
  moba_plan* plan() const { return plan_.get(); }
  const Call& call() const { return call_; }

 private:
  Call call_;
  OwnedPlan plan_;
  int64_t progress_[2] = {0, 0};
  int32_t cancel_ = 0;
  std::atomic<int32_t> status_ = -1;
  std::thread thread_;
};

TEST_P(Concurrency, CancelStopsRunSoon) {
  LongRun run(Engine(), Long());
  ASSERT_FALSE(run.Done());
  const auto begin = Clock::now();
  EXPECT_EQ(run.Cancel(), MOBA_CANCELLED);
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(Reduced() ? 10 : 2));
  EXPECT_LT(run.done(), run.total());
  EXPECT_TRUE(run.call().InputsUnchanged());
}

TEST_P(Concurrency, CancelBeforeRunStopsItAtOnce) {
  Call call(Small(), Operation::kAttend, {});
  const OwnedPlan plan(Engine(), call.config);
  call.MakeWorkspace(plan);
  const int32_t cancel = 1;
  call.cancel = &cancel;
  EXPECT_EQ(call.Run(plan.get()), MOBA_CANCELLED);
  EXPECT_NE(std::string(moba_last_error()), "");
}

TEST_P(Concurrency, CancelledRunLeavesNothingBehind) {
  const Problem problem = Small();
  const Outcome expected = Attend(Engine(), problem);
  { LongRun run(Engine(), Long()); }
  EXPECT_TRUE(RowBits(problem, Attend(Engine(), problem)) == RowBits(problem, expected));
}

TEST_P(Concurrency, ProgressGrowsToItsTotal) {
  for (Operation operation : {Operation::kRoute, Operation::kAttend}) {
    Call call(Small(), operation, {});
    const OwnedPlan plan(Engine(), call.config);
    call.MakeWorkspace(plan);
    int64_t progress[2] = {-5, -5};
    call.progress = progress;
    ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
    EXPECT_GT(progress[1], 0);
    EXPECT_EQ(progress[0], progress[1]);
  }
}

TEST_P(Concurrency, ProgressNeverGoesBack) {
  LongRun run(Engine(), Long());
  const int64_t total = run.total();
  int64_t last = run.done();
  EXPECT_GT(total, last);
  for (int i = 0; i < 100; ++i) {
    const int64_t now = run.done();
    EXPECT_GE(now, last);
    EXPECT_EQ(run.total(), total);
    last = now;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_EQ(run.Cancel(), MOBA_CANCELLED);
}

TEST_P(Concurrency, DestroyIsRefusedWhileRunning) {
  OwnedEngine engine(GetParam(), 2);
  LongRun run(engine.get(), Long());
  ASSERT_FALSE(run.Done());
  EXPECT_EQ(moba_engine_destroy(engine.get()), MOBA_BUSY);
  EXPECT_NE(std::string(moba_last_error()), "");
  EXPECT_EQ(moba_plan_destroy(run.plan()), MOBA_BUSY);
  EXPECT_NE(std::string(moba_last_error()), "");
  EXPECT_EQ(run.Cancel(), MOBA_CANCELLED);
  // Nothing has changed: engine and plan still work, and their owners destroy them.
  const Problem problem = Small();
  EXPECT_EQ(Attend(engine.get(), problem).o_bits, Attend(Engine(), problem).o_bits);
}

TEST_P(Concurrency, PlanOutlivesItsEngine) {
  OwnedEngine engine(GetParam(), 2);
  Call call(Small(), Operation::kAttend, {});
  const OwnedPlan plan(engine.get(), call.config);
  call.MakeWorkspace(plan);
  ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(moba_engine_destroy(engine.Release()), MOBA_OK) << moba_last_error();

  Call later(Small(), Operation::kAttend, {});
  later.workspace = call.workspace;
  later.workspace_bytes = call.workspace_bytes;
  EXPECT_EQ(later.Run(plan.get()), MOBA_CLOSED);
  EXPECT_NE(std::string(moba_last_error()), "");
  EXPECT_TRUE(later.OutputsUntouched());
  EXPECT_EQ(plan.WorkspaceBytes(), call.workspace_bytes);
}

MOBA_INSTANTIATE_TARGETS(Concurrency);

}  // namespace
}  // namespace moba_test
