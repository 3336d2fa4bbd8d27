// Attention on emulated tensor cores against the oracle.
#include <gtest/gtest.h>

#include "cuda/batch_cases.h"
#include "cuda/emulated_run.h"
#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

using moba::cuda::Limits;
using moba::cuda::TensorCores;

// The device has these while this lives.
class WithTensorCores {
 public:
  explicit WithTensorCores(TensorCores cores) { moba::cuda::emulated_tensor_cores = cores; }
  ~WithTensorCores() { moba::cuda::emulated_tensor_cores = TensorCores::kNone; }
};

struct TensorCoresCase {
  TensorCores cores;
  GridCase grid;
};

Problem MakeProblem(int32_t dtype, int64_t head_dim, std::vector<Lengths> sequences,
                    const moba_options& options) {
  return moba_test::MakeProblem(dtype, 2, 1, head_dim, std::move(sequences), options);
}

std::vector<GridCase> Cases() {
  std::vector<GridCase> cases;
  const auto add = [&](const std::string& name, const Problem& problem, const RunOptions& run) {
    cases.push_back({name, problem, run});
  };
  for (int32_t dtype : {MOBA_F16, MOBA_BF16}) {
    for (int64_t dim : {64, 96, 128, 192, 256}) {
      const std::string name = DtypeName(dtype) + Name("_D", dim);
      add(name, MakeProblem(dtype, dim, {{200, 200}}, BlockSparse(48, 3)), {});
      add(name + "_full", MakeProblem(dtype, dim, {{150, 150}}, FullAttention()), {});
    }
  }
  for (int64_t size : {16, 64, 100, 128, 130, 300, 500}) {
    add(Name("B", size),
        MakeProblem(MOBA_BF16, 64, {{size > 128 ? 700 : 300, size > 128 ? 700 : 300}},
                    BlockSparse(size, 2)),
        {});
  }
  AddBatches({{"chunked_prefill", {{50, 287}}},
              {"more_queries_than_keys", {{190, 41}}},
              {"many_odd",
               {{0, 0}, {1, 1}, {0, 0}, {37, 37}, {2, 90}, {170, 3}, {0, 17}, {5, 0}, {90, 90}}}},
             MakeProblem(MOBA_BF16, 64, {}, BlockSparse(32, 2)), add);
  for (const auto& [heads, kv_heads] : {std::pair<int64_t, int64_t>{3, 3}, {6, 2}, {20, 1}}) {
    for (int32_t routing : {MOBA_ROUTING_PER_HEAD, MOBA_ROUTING_PER_GROUP}) {
      Problem problem = MakeProblem(MOBA_F16, 64, {{90, 130}, {20, 9}}, BlockSparse(16, 5));
      problem.heads = heads;
      problem.kv_heads = kv_heads;
      problem.options.routing = routing;
      problem.options.sink_blocks = heads == 6 ? 1 : 0;
      problem.options.local_blocks = heads == 3 ? 2 : 1;
      add(Name("H", heads) + Name("_G", kv_heads) +
              (routing == MOBA_ROUTING_PER_GROUP ? "_per_group" : "_per_head"),
          problem, {});
    }
  }
  for (Arrangement arrangement : {Arrangement::kHeadMajor, Arrangement::kTimeMajor}) {
    RunOptions run;
    run.arrangement = arrangement;
    const std::string name = ArrangementName(arrangement);
    add(name, MakeProblem(MOBA_F16, 64, {{50, 50}, {3, 40}}, BlockSparse(16, 3)), run);
    run.batch_axis = true;
    run.with_lse = false;
    run.spare = 9;
    add(name + "_batched",
        MakeProblem(MOBA_F16, 64, {{33, 47}, {33, 47}, {33, 47}}, BlockSparse(16, 2)), run);
  }
  for (double scale : {1e-30, 8.0, 1e30}) {
    Problem problem = MakeProblem(MOBA_F16, 64, {{60, 60}}, BlockSparse(16, 3));
    problem.options.softmax_scale = scale;
    RunOptions run;
    run.with_lse = scale < 1e30;  // it would show the rounding of single scores
    add(Name("scale", static_cast<int64_t>(cases.size())), problem, run);
  }
  Problem sink = MakeProblem(MOBA_BF16, 64, {{900, 900}}, BlockSparse(64, 3));
  sink.options.sink_blocks = 1;
  add("sink_block_of_every_query", sink, {});
  return cases;
}

std::vector<TensorCoresCase> On(TensorCores cores, const std::vector<GridCase>& grid_cases) {
  std::vector<TensorCoresCase> cases;
  for (const GridCase& grid : Thinned(grid_cases)) cases.push_back({cores, grid});
  return cases;
}
std::string NameOf(const testing::TestParamInfo<TensorCoresCase>& info) {
  return info.param.grid.name;
}

void ExpectRight(const TensorCoresCase& test_case, const Limits& limits) {
  const WithTensorCores with(test_case.cores);
  Problem problem = test_case.grid.problem;
  RunOptions run = test_case.grid.run;
  // Poison that is finite: a NaN of it would be computed again by the portable kernel, rightly.
  run.workspace_fill = 0x3c;
  Randomize(&problem, 1);
  const int64_t products = moba::cuda::emulated_products;
  const Outcome attended = Emulate(problem, Operation::kAttend, run, nullptr, limits);
  EXPECT_GT(moba::cuda::emulated_products, products);
  if (problem.Full()) {
    ExpectRightAttention(problem, nullptr, attended);
    return;
  }
  ExpectRightSelection(problem, attended.selection);
  ExpectRightAttention(problem, &attended.selection, attended);
  const Outcome selected =
      Emulate(problem, Operation::kAttendSelected, run, &attended.selection, limits);
  ExpectRightAttention(problem, &attended.selection, selected);
}

class TensorCoresForward : public testing::TestWithParam<TensorCoresCase> {};

TEST_P(TensorCoresForward, MatchesOracle) { ExpectRight(GetParam(), {}); }

INSTANTIATE_TEST_SUITE_P(Ampere, TensorCoresForward,
                         testing::ValuesIn(On(TensorCores::kAmpere, Cases())), NameOf);
INSTANTIATE_TEST_SUITE_P(Hopper, TensorCoresForward,
                         testing::ValuesIn(On(TensorCores::kHopper, Cases())), NameOf);

// Of blocks and dense sequences that are longer than tensor cores may sum.
constexpr int64_t kLongestPart = 45;

std::vector<GridCase> CasesInParts() {
  std::vector<GridCase> cases;
  const std::vector<Lengths> sequences = {{150, 190}, {0, 7}, {90, 90}, {70, 20}, {40, 45}, {9, 0}};
  for (int32_t dtype : {MOBA_F16, MOBA_BF16}) {
    for (int32_t causal : {1, 0}) {
      for (int64_t block_size : {0, 20, 46, 90, 100, 1000}) {
        const moba_options options = block_size == 0 ? FullAttention() : BlockSparse(block_size, 2);
        Problem problem = moba_test::MakeProblem(dtype, 4, 2, 64, sequences, options);
        problem.options.causal = causal;
        cases.push_back(
            {DtypeName(dtype) + Name("_B", block_size) + (causal ? "" : "_bidirectional"),
             problem,
             {}});
      }
    }
  }
  return cases;
}

class TensorCoresParts : public testing::TestWithParam<TensorCoresCase> {};

TEST_P(TensorCoresParts, MatchOracle) { ExpectRight(GetParam(), {.longest_sum = kLongestPart}); }

INSTANTIATE_TEST_SUITE_P(Ampere, TensorCoresParts,
                         testing::ValuesIn(On(TensorCores::kAmpere, CasesInParts())), NameOf);
INSTANTIATE_TEST_SUITE_P(Hopper, TensorCoresParts,
                         testing::ValuesIn(On(TensorCores::kHopper, CasesInParts())), NameOf);

// Of 344 queries, in passes that begin and end inside sequences.
std::vector<GridCase> CasesInPasses() {
  const std::vector<Lengths> sequences = {{0, 0},  {37, 37}, {2, 90},   {170, 203},
                                          {0, 17}, {5, 0},   {130, 130}};
  std::vector<GridCase> cases;
  for (int32_t dtype : {MOBA_F16, MOBA_BF16}) {
    for (int32_t routing : {MOBA_ROUTING_PER_HEAD, MOBA_ROUTING_PER_GROUP}) {
      for (int64_t block_size : {0, 20, 64}) {
        const moba_options options = block_size == 0 ? FullAttention() : BlockSparse(block_size, 3);
        Problem problem = moba_test::MakeProblem(dtype, 4, 2, 64, sequences, options);
        if (block_size > 0) problem.options.routing = routing;
        problem.options.causal = routing == MOBA_ROUTING_PER_HEAD;
        cases.push_back({DtypeName(dtype) + Name("_B", block_size) +
                             (routing == MOBA_ROUTING_PER_GROUP ? "_per_group_bidirectional" : ""),
                         problem,
                         {}});
      }
    }
  }
  return cases;
}

class TensorCoresPasses : public testing::TestWithParam<TensorCoresCase> {};

TEST_P(TensorCoresPasses, HaveTheBitsOfOne) {
  const WithTensorCores with(GetParam().cores);
  Problem problem = GetParam().grid.problem;
  Randomize(&problem, 4);
  // With the least memory there are three passes for each kv head. Parts give full attention lists.
  const Limits one = {.longest_sum = kLongestPart};
  const Limits several = {.longest_sum = kLongestPart, .pass_budget = 1};
  moba::cuda::Plan plan = {ShapeOf(problem, Call(problem, Operation::kAttend, {}).config)};
  const auto bytes = [&](const Limits& limits) {
    plan.limits = limits;
    return moba::cuda::WorkspaceBytes(plan, kEmulatedWorkers, GetParam().cores);
  };
  EXPECT_LT(bytes(several), bytes(one));

  RunOptions run;
  run.workspace_fill = 0x3c;  // as above
  const Outcome expected = Emulate(problem, Operation::kAttend, run, nullptr, one);
  const Outcome attended = Emulate(problem, Operation::kAttend, run, nullptr, several);
  EXPECT_EQ(attended.o_bits, expected.o_bits);
  EXPECT_EQ(attended.lse_bits, expected.lse_bits);
  const Selection* const selection = problem.Full() ? nullptr : &attended.selection;
  ExpectRightAttention(problem, selection, attended);
}

INSTANTIATE_TEST_SUITE_P(Ampere, TensorCoresPasses,
                         testing::ValuesIn(On(TensorCores::kAmpere, CasesInPasses())), NameOf);
INSTANTIATE_TEST_SUITE_P(Hopper, TensorCoresPasses,
                         testing::ValuesIn(On(TensorCores::kHopper, CasesInPasses())), NameOf);

class TensorCoresRuns : public testing::TestWithParam<TensorCores> {};

// Kernels round differently, and where sums are cut shows in their last bits.
TEST_P(TensorCoresRuns, OfLongSumsStayOnTensorCores) {
  Problem problem = MakeProblem(MOBA_F16, 64, {{200, 200}}, FullAttention());
  Randomize(&problem, 3);
  const auto lse_bits = [&](int64_t longest_sum) {
    return Emulate(problem, Operation::kAttend, {}, nullptr, {.longest_sum = longest_sum}).lse_bits;
  };
  const auto portable = lse_bits(45);
  const WithTensorCores with(GetParam());
  EXPECT_NE(lse_bits(45), portable);
  EXPECT_NE(lse_bits(45), lse_bits(200));
  EXPECT_EQ(lse_bits(100), lse_bits(199));
}

// Most of the selection is padding: more slots than there are blocks.
TEST_P(TensorCoresRuns, OfSelectionsThatAreWiderThanThereAreBlocks) {
  const WithTensorCores with(GetParam());
  Problem problem = MakeProblem(MOBA_BF16, 64, {{200, 200}}, BlockSparse(64, 3));
  problem.heads = 1;
  Randomize(&problem, 2);
  const Selection routed = Router(problem).Select();
  Selection wide = {1, 8, std::vector<int32_t>(200 * 8, -1)};
  for (int64_t token = 0; token < 200; ++token) {
    std::copy_n(routed.Row(token, 0), routed.width, wide.Row(token, 0));
  }
  ExpectRightAttention(problem, &wide, Emulate(problem, Operation::kAttendSelected, {}, &wide));
}

INSTANTIATE_TEST_SUITE_P(Ampere, TensorCoresRuns, testing::Values(TensorCores::kAmpere));
INSTANTIATE_TEST_SUITE_P(Hopper, TensorCoresRuns, testing::Values(TensorCores::kHopper));

}  // namespace
}  // namespace moba_test
