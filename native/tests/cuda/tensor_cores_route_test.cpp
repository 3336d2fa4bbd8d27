// Routing on emulated tensor cores against the oracle.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "cuda/emulated_run.h"
#include "cuda/tensor_cores/route.h"
#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

namespace core = moba::core;
using moba::cuda::TensorCores;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The device has the tensor cores that the test is for.
class TensorCoresRoute : public testing::TestWithParam<TensorCores> {
 protected:
  TensorCoresRoute() { moba::cuda::emulated_tensor_cores = GetParam(); }
  ~TensorCoresRoute() override { moba::cuda::emulated_tensor_cores = TensorCores::kNone; }
};
class TensorCoresCentroids : public TensorCoresRoute {};

moba::cuda::Queue OwnQueue() {
  return {nullptr, kEmulatedWorkers, moba::cuda::emulated_tensor_cores};
}

// What comes first, before any pass: sequences and centroids, in the workspace of the call.
struct Prepared {
  StoredSequences sequences;
  moba::cuda::TileRouteArguments arguments;

  Prepared(const Problem& problem, const RunOptions& options, Call& call)
      : sequences(problem, core::Operation::kRoute, options.batch_axis) {
    const core::Problem run = RunOf(problem, options, call);
    const auto& totals = sequences.totals;
    const auto panels = [&](void* data) {
      return moba::cuda::CentroidPanels::In(data, run.head_dim, totals.centroids,
                                            run.num_sequences);
    };
    call.workspace_memory.emplace(panels(nullptr).Bytes(run.num_kv_heads) + 1,
                                  core::kWorkspaceAlignment);
    std::memset(call.workspace_memory->data(), 0xff, call.workspace_memory->size());
    arguments = {{.dtype = run.dtype,
                  .options = run.options,
                  .q = run.q,
                  .selected = run.selected_out,
                  .width = run.selected_width,
                  .num_heads = run.num_heads,
                  .num_kv_heads = run.num_kv_heads,
                  .head_dim = run.head_dim,
                  .sequences = sequences.Table()},
                 {0, totals.rows, 0, run.num_kv_heads},
                 panels(call.workspace_memory->data())};
    EXPECT_TRUE(moba::cuda::LaunchTileCentroids(OwnQueue(), {.dtype = run.dtype,
                                                             .k = run.k,
                                                             .head_dim = run.head_dim,
                                                             .num_kv_heads = run.num_kv_heads,
                                                             .sequences = sequences.Table(),
                                                             .num_centroids = totals.centroids,
                                                             .panels = arguments.centroids})
                    .ok());
  }
};

Selection Routed(const Problem& problem, const RunOptions& options = {}) {
  return InEveryOrder(problem, Operation::kRoute, options, nullptr,
                      [&](Call& call) {
                        Prepared prepared(problem, options, call);
                        return moba::cuda::LaunchRouteTiles(OwnQueue(), prepared.arguments);
                      })
      .selection;
}

void ExpectRight(const Problem& problem, const RunOptions& options = {}) {
  ExpectRightSelection(problem, Routed(problem, options));
}

// In a reduced run the last one alone.
template <class T>
std::vector<T> Some(std::vector<T> all) {
  return Reduced() ? std::vector<T>{all.back()} : all;
}

Problem RandomProblem(int32_t dtype, int64_t heads, int64_t kv_heads, int64_t head_dim,
                      std::vector<Lengths> sequences, const moba_options& options) {
  Problem problem = MakeProblem(dtype, heads, kv_heads, head_dim, std::move(sequences), options);
  Randomize(&problem, 17);
  return problem;
}

Problem OfGroups(Problem problem) {
  problem.options.routing = MOBA_ROUTING_PER_GROUP;
  return problem;
}

// With 256 channels.
int64_t MostPlacesOfGroups() {
  return moba::cuda::emulated_tensor_cores == TensorCores::kHopper ? 64 : 20;
}

TEST_P(TensorCoresRoute, SaysWhatItCanDo) {
  const auto can = [](core::DType dtype, int64_t head_dim, int64_t top_k, bool per_group = false) {
    return moba::cuda::CanRoute(moba::cuda::emulated_tensor_cores, dtype, head_dim,
                                {.per_group = per_group, .top_k = top_k});
  };
  for (int64_t dim : {64, 96, 128, 192, 256}) {
    EXPECT_TRUE(can(core::DType::kF16, dim, 64));
    EXPECT_TRUE(can(core::DType::kBF16, dim, 1));
    EXPECT_TRUE(can(core::DType::kBF16, dim, MostPlacesOfGroups(), true));
    EXPECT_FALSE(can(core::DType::kF32, dim, 1));
  }
  EXPECT_EQ(can(core::DType::kBF16, 256, 64, true), GetParam() == TensorCores::kHopper);
  EXPECT_FALSE(can(core::DType::kBF16, 128, 65));
  EXPECT_FALSE(can(core::DType::kBF16, 100, 8));
  EXPECT_FALSE(can(core::DType::kBF16, 264, 8));
}

TEST_P(TensorCoresRoute, OfEveryHeadDimension) {
  for (int32_t dtype : {MOBA_F16, MOBA_BF16}) {
    for (int64_t dim : Some<int64_t>({64, 128, 192, 256, 96})) {
      SCOPED_TRACE(testing::Message() << DtypeName(dtype) << ", head dimension " << dim);
      const Problem problem =
          RandomProblem(dtype, 2, 1, dim, {{66, 4 * 140 + 1}}, BlockSparse(4, 8));
      ExpectRight(problem);
      ExpectRight(OfGroups(problem));
    }
  }
}

TEST_P(TensorCoresRoute, OfAnyKAndAnyNumberOfBlocks) {
  for (int64_t top_k : Some<int64_t>({1, 2, 64, 33, 8})) {
    for (int64_t blocks : {1, 9, 128, 129, 300}) {
      SCOPED_TRACE(testing::Message() << "K = " << top_k << ", " << blocks << " blocks");
      ExpectRight(
          RandomProblem(MOBA_BF16, 1, 1, 64, {{40, blocks * 3 - 1}}, BlockSparse(3, top_k)));
    }
  }
}

TEST_P(TensorCoresRoute, OfGroupsWithTheMostChannelsAndPlaces) {
  ExpectRight(OfGroups(
      RandomProblem(MOBA_BF16, 2, 1, 256, {{16, 400}}, BlockSparse(2, MostPlacesOfGroups()))));
}

TEST_P(TensorCoresRoute, KeepsWhatIsForced) {
  for (int causal : {0, 1}) {
    for (int64_t sinks : Some<int64_t>({0, 11, 3})) {
      for (int64_t locals : {1, 4}) {
        for (int64_t top_k : {5, 12, 15}) {
          Problem problem = RandomProblem(MOBA_BF16, 1, 1, 64, {{140, 140}}, BlockSparse(2, top_k));
          problem.options.causal = causal;
          problem.options.sink_blocks = sinks;
          problem.options.local_blocks = locals;
          if (sinks + locals > top_k || (causal == 0 && locals > 1)) continue;
          SCOPED_TRACE(testing::Message() << "causal " << causal << ", " << sinks << " sinks, "
                                          << locals << " locals, K = " << top_k);
          ExpectRight(problem);
        }
      }
    }
  }
}

// Among others: no queries, no keys, fewer keys than queries, and dense ones.
TEST_P(TensorCoresRoute, OfSeveralSequences) {
  Problem problem = RandomProblem(
      MOBA_BF16, 4, 2, 64, {{130, 130}, {0, 50}, {5, 0}, {200, 60}, {3, 20}, {1, 900}, {140, 777}},
      BlockSparse(8, 5));
  ExpectRight(problem);
  ExpectRight(OfGroups(problem));
  problem.options.causal = 0;
  ExpectRight(problem);
}

TEST_P(TensorCoresRoute, OfAnyArrangement) {
  for (const Arrangement arrangement :
       {Arrangement::kHeadMajor, Arrangement::kSlice, Arrangement::kTimeMajor,
        Arrangement::kReversed, Arrangement::kSharedKvHeads}) {
    SCOPED_TRACE(ArrangementName(arrangement));
    RunOptions options;
    options.arrangement = arrangement;
    options.batch_axis = true;
    Problem problem = RandomProblem(MOBA_F16, 4, 2, 64, {{20, 200}, {20, 200}}, BlockSparse(8, 4));
    if (arrangement == Arrangement::kSharedKvHeads) {
      for (int64_t token = 0; token < 400; ++token) {
        for (int64_t c = 0; c < 64; ++c) problem.K(token, 1, c) = problem.K(token, 0, c);
      }
    }
    ExpectRight(problem, options);
    ExpectRight(OfGroups(problem), options);
  }
}

TEST_P(TensorCoresRoute, DoesNotDependOnHowItIsPassed) {
  const Problem problem =
      RandomProblem(MOBA_BF16, 4, 2, 64, {{150, 300}, {90, 400}}, BlockSparse(8, 4));
  const Selection whole = Routed(problem);
  Call call(problem, Operation::kRoute, {});
  Prepared prepared(problem, {}, call);
  for (int64_t row = 0; row < 240; row += 97) {
    for (int64_t head = 0; head < 2; ++head) {
      prepared.arguments.pass = {row, std::min<int64_t>(row + 97, 240), head, 1};
      ASSERT_TRUE(moba::cuda::LaunchRouteTiles(OwnQueue(), prepared.arguments).ok());
    }
  }
  EXPECT_EQ(call.ReadOutcome().selection.blocks, whole.blocks);
}

// Scores are small integers here, exact in every order of summation, so the oracle's selection is
// the only right one.
void FillWithIntegers(Problem* problem, uint32_t range, uint32_t seed) {
  std::mt19937 random(seed);
  for (std::vector<double>* values : {&problem->q, &problem->k}) {
    for (double& value : *values) value = static_cast<double>(random() % range) - range / 2;
  }
}

TEST_P(TensorCoresRoute, TakesTheLowerBlockAmongEqualScores) {
  for (uint32_t range : Some<uint32_t>({1, 3})) {
    for (int64_t top_k : {5, 64}) {
      SCOPED_TRACE(testing::Message() << range << " values, K = " << top_k);
      Problem problem = RandomProblem(MOBA_F16, 2, 1, 64, {{20, 290}}, BlockSparse(1, top_k));
      FillWithIntegers(&problem, range, 5);
      // Only a few channels, so that many scores are the same.
      for (size_t i = 0; i < problem.q.size(); ++i) problem.q[i] *= i % 64 < 2;
      EXPECT_EQ(Routed(problem).blocks, Router(problem).Select().blocks);
      problem = OfGroups(problem);
      EXPECT_EQ(Routed(problem).blocks, Router(problem).Select().blocks);
    }
  }
}

TEST_P(TensorCoresRoute, TakesMinusZeroForZero) {
  Problem problem = RandomProblem(MOBA_BF16, 1, 1, 64, {{1, 6}}, BlockSparse(1, 3));
  problem.options.causal = 0;
  problem.q.assign(64, 0);
  problem.k.assign(6 * 64, 0);
  problem.q[63] = 1e-30;
  const double keys[] = {-1, -1e-30, 1e-30, -1e-30, 1e-30, -1};
  for (int64_t key = 0; key < 6; ++key) problem.K(key, 0, 63) = Round(keys[key], MOBA_BF16);
  problem.q[63] = Round(problem.q[63], MOBA_BF16);
  EXPECT_EQ(Routed(problem).Blocks(0, 0), (std::vector<int32_t>{1, 2, 3}));
}

// NaN and infinities where they may be: in queries and keys, near and far, one and many.
TEST_P(TensorCoresRoute, OrdersNaNBelowEveryNumber) {
  const struct {
    double poison;
    int64_t top_k;
  } cases[] = {{kNaN, 9}, {kNaN, 60}, {kInfinity, 9}, {-kInfinity, 9}};
  for (const auto& [poison, top_k] : cases) {
    for (const bool group : Some<bool>({false, true})) {
      SCOPED_TRACE(testing::Message()
                   << poison << ", K = " << top_k << (group ? ", of groups" : ""));
      Problem problem = RandomProblem(MOBA_BF16, 4, 2, 64, {{40, 200}}, BlockSparse(1, top_k));
      FillWithIntegers(&problem, 5, 9);
      if (group) problem = OfGroups(problem);
      problem.Q(7, 1, 3) = poison;
      problem.Q(9, 2, 63) = poison;
      for (int64_t key : {0, 3, 150, 165, 170}) problem.K(key, 0, key % 64) = poison;
      for (int64_t key = 20; key < 165; ++key) problem.K(key, 1, 5) = poison;
      // A sum of 257, of two parts of one sign: infinite where the sum of the scores is NaN.
      for (int64_t token = 11; token < 15; ++token) {
        problem.Q(token, 2, 5) = 512;
        problem.Q(token, 3, 5) = -255;
      }
      EXPECT_EQ(Routed(problem).blocks, Router(problem).Select().blocks);
    }
  }
}

TEST_P(TensorCoresRoute, OfAGroupKeepsWhatOneElementCannotHold) {
  // The heads' queries cancel but for what is far below the precision of the greatest.
  for (int32_t dtype : {MOBA_F16, MOBA_BF16}) {
    Problem problem = OfGroups(RandomProblem(dtype, 3, 1, 64, {{30, 200}}, BlockSparse(1, 3)));
    FillWithIntegers(&problem, 9, 11);
    const double large = dtype == MOBA_F16 ? 60000 : 0x1p14;
    for (int64_t token = 0; token < 30; ++token) {
      problem.Q(token, 0, 2) = large;
      problem.Q(token, 1, 2) = large;
    }
    for (int64_t key = 0; key < 200; ++key) problem.K(key, 0, 2) = 0;
    EXPECT_EQ(Routed(problem).blocks, Router(problem).Select().blocks) << DtypeName(dtype);
    // unit + 1 against unit, which one element cannot tell apart: key 151 against key 150.
    const double unit = dtype == MOBA_F16 ? 2048 : 256;
    std::fill(problem.q.begin(), problem.q.end(), 0);
    std::fill(problem.k.begin(), problem.k.end(), 0);
    problem.options.top_k = 2;
    for (int64_t token = 0; token < 30; ++token) {
      problem.Q(token, 0, 3) = 2 * unit;
      problem.Q(token, 1, 3) = -(unit - 1);
      problem.Q(token, 2, 4) = unit;
    }
    problem.K(150, 0, 4) = problem.K(151, 0, 3) = 1;
    EXPECT_EQ(Routed(problem).Blocks(0, 0), (std::vector<int32_t>{151, 170})) << DtypeName(dtype);
  }
}

TEST_P(TensorCoresCentroids, AreSummedInDoubleAndRoundedToTheStorageType) {
  Problem problem = RandomProblem(MOBA_BF16, 1, 1, 64, {{1, 7}}, BlockSparse(3, 1));
  problem.options.causal = 0;
  std::fill(problem.q.begin(), problem.q.end(), 0);
  std::fill(problem.k.begin(), problem.k.end(), 0);
  problem.Q(0, 0, 40) = 1;
  // (2^30 + 1 - 2^30) / 3, which is 0 in fp32, against 0.25; and a tail of one key.
  const double keys[] = {0x1p30, 1, -0x1p30, 0.25, 0.25, 0.25, -9};
  for (int64_t key = 0; key < 7; ++key) problem.K(key, 0, 40) = keys[key];
  EXPECT_EQ(Routed(problem).Blocks(0, 0), (std::vector<int32_t>{0}));
  problem.K(6, 0, 40) = 0.5;
  EXPECT_EQ(Routed(problem).Blocks(0, 0), (std::vector<int32_t>{2}));
  // 1 + 2^-8 lies half-way between two values and rounds to 1: a tie.
  problem.options.block_size = 2;
  const double halves[] = {1, 1, 1, 1 + 0x1p-7, -1, -1, -1};
  for (int64_t key = 0; key < 7; ++key) problem.K(key, 0, 40) = halves[key];
  EXPECT_EQ(Routed(problem).Blocks(0, 0), (std::vector<int32_t>{0}));
}

TEST_P(TensorCoresCentroids, OfLongBlocks) {
  for (int64_t dim : {64, 96, 256}) {
    ExpectRight(RandomProblem(MOBA_F16, 2, 2, dim, {{3, 1500}}, BlockSparse(333, 2)));
  }
}

INSTANTIATE_TEST_SUITE_P(Ampere, TensorCoresRoute, testing::Values(TensorCores::kAmpere));
INSTANTIATE_TEST_SUITE_P(Hopper, TensorCoresRoute, testing::Values(TensorCores::kHopper));
INSTANTIATE_TEST_SUITE_P(Ampere, TensorCoresCentroids, testing::Values(TensorCores::kAmpere));
INSTANTIATE_TEST_SUITE_P(Hopper, TensorCoresCentroids, testing::Values(TensorCores::kHopper));

}  // namespace
}  // namespace moba_test
