// Attention of some rows alone, by a list.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "cuda/attend.h"
#include "cuda/emulated_run.h"

namespace moba_test {
namespace {

using namespace moba::cuda;
namespace core = moba::core;

template <class T>
core::InputRows Rows(const std::vector<T>& values, int64_t heads, int64_t channels) {
  return {.data = reinterpret_cast<const char*>(values.data()),
          .element_size = sizeof(T),
          .token_stride = heads * channels,
          .head_stride = channels};
}

core::OutputRows Outputs(std::vector<float>& values, int64_t heads, int64_t channels) {
  return {.data = reinterpret_cast<char*>(values.data()),
          .element_size = sizeof(float),
          .token_stride = heads * channels,
          .head_stride = channels};
}

constexpr int64_t kHeads = 3;
constexpr int64_t kChannels = 5;
constexpr int64_t kChannelsV = 130;
constexpr float kPoison = 77;

class CudaAttendRows : public testing::Test {
 protected:
  struct Result {
    std::vector<float> o;
    std::vector<float> lse;
  };

  CudaAttendRows() {
    problem_.heads = kHeads;
    problem_.head_dim = kChannels;
    problem_.head_dim_v = kChannelsV;
    problem_.sequences = {{20, 30}, {0, 4}, {7, 3}, {11, 80}};
    problem_.options = BlockSparse(8, 2);
    Randomize(&problem_, 12);
    selection_ = Router(problem_).Select();
    selection_.Row(9, 1)[0] = 99;  // none: its row is NaN
    q_.assign(problem_.q.begin(), problem_.q.end());
    k_.assign(problem_.k.begin(), problem_.k.end());
    v_.assign(problem_.v.begin(), problem_.v.end());
  }
  ~CudaAttendRows() override { emulated_order = ThreadOrder::kAscending; }

  // `launch` of the problem, on outputs that are poison.
  template <class LaunchIt>
  Result Run(const LaunchIt& launch) {
    const StoredSequences sequences(problem_, core::Operation::kAttendSelected);
    Result result = {std::vector<float>(NumRows() * kChannelsV, kPoison),
                     std::vector<float>(NumRows(), kPoison)};
    EXPECT_TRUE(
        launch(Queue{nullptr, kEmulatedWorkers},
               AttendArguments{.dtype = core::DType::kF32,
                               .causal = true,
                               .score_scale = 0.7f,
                               .q = Rows(q_, kHeads, kChannels),
                               .k = Rows(k_, 1, kChannels),
                               .v = Rows(v_, 1, kChannelsV),
                               .o = Outputs(result.o, kHeads, kChannelsV),
                               .lse = Outputs(result.lse, kHeads, 1),
                               .selected = Rows(selection_.blocks, kHeads, selection_.width),
                               .width = selection_.width,
                               .num_heads = kHeads,
                               .num_kv_heads = 1,
                               .head_dim = kChannels,
                               .head_dim_v = kChannelsV,
                               .sequences = sequences.Table(),
                               .num_rows = problem_.TokensQ()})
            .ok());
    return result;
  }

  // The listed rows hold what all rows together hold there; the others what was there before.
  void ExpectRows(const std::vector<int64_t>& list, int32_t count, int64_t capacity) {
    const Result all = Run(LaunchAttend);
    const size_t listed = static_cast<size_t>(std::min<int64_t>(count, capacity));
    for (ThreadOrder order : kThreadOrders) {
      emulated_order = order;
      const Result some = Run([&](const Queue& queue, const AttendArguments& arguments) {
        return LaunchAttendRows(queue, arguments, list.data(), &count, capacity);
      });
      for (int64_t row = 0; row < problem_.TokensQ(); ++row) {
        for (int64_t head = 0; head < kHeads; ++head) {
          const auto end = list.begin() + static_cast<std::ptrdiff_t>(listed);
          const bool is_listed =
              std::find(list.begin(), end, head * problem_.TokensQ() + row) != end;
          const int64_t at = row * kHeads + head;
          const auto expect = [&](const std::vector<float>& values,
                                  const std::vector<float>& expected, int64_t channels) {
            for (int64_t i = at * channels; i < (at + 1) * channels; ++i) {
              const float wanted = is_listed ? expected[i] : kPoison;
              ASSERT_EQ(std::memcmp(&values[i], &wanted, sizeof wanted), 0)
                  << "row " << row << ", head " << head;
            }
          };
          expect(some.o, all.o, kChannelsV);
          expect(some.lse, all.lse, 1);
        }
      }
    }
  }

  int64_t NumRows() const { return problem_.TokensQ() * kHeads; }

  Problem problem_;
  Selection selection_;
  std::vector<float> q_, k_, v_;
};

TEST_F(CudaAttendRows, AreThoseOfTheListAlone) {
  std::vector<int64_t> list(static_cast<size_t>(NumRows()));
  for (size_t i = 0; i < list.size(); ++i) list[i] = static_cast<int64_t>(i);
  std::shuffle(list.begin(), list.end(), std::mt19937(13));
  const int64_t nan_row = problem_.TokensQ() + 9;
  std::iter_swap(list.begin(), std::find(list.begin(), list.end(), nan_row));
  for (int32_t count : {0, 1, 2, 40, static_cast<int32_t>(NumRows())}) {
    SCOPED_TRACE(count);
    ExpectRows(list, count, NumRows());
  }
}

TEST_F(CudaAttendRows, EndWhereTheListEnds) {
  ExpectRows({5, 80, 3}, 1000, 3);
  ExpectRows({5}, 7, 0);
}

}  // namespace
}  // namespace moba_test
