// Full attention by cuDNN: which plans and runs go there, and that what surrounds it makes of an
// attention with weak promises the one of the specification.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "cuda/emulated_run.h"
#include "cuda/full_attention.h"
#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

using moba::core::DType;
using moba::core::PlanShape;
using moba::cuda::FullAttentionShape;

class WithCudnn {
 public:
  WithCudnn() { moba::cuda::emulated_cudnn = true; }
  ~WithCudnn() { moba::cuda::emulated_cudnn = false; }

  int64_t runs() const { return moba::cuda::emulated_cudnn_runs - before_; }

 private:
  int64_t before_ = moba::cuda::emulated_cudnn_runs;
};

PlanShape LargePlan() {
  PlanShape shape = {};
  shape.dtype = DType::kBF16;
  shape.num_heads = 16;
  shape.num_kv_heads = 2;
  shape.head_dim = 128;
  shape.head_dim_v = 64;
  shape.max_tokens_q = 3 * 4096;
  shape.max_tokens_k = 3 * 8192;
  shape.max_sequences = 3;
  shape.options.causal = true;
  shape.options.score_scale = 0.25f;
  return shape;
}

TEST(FullAttentionShape, IsThatOfTheLargestRun) {
  const auto shape = FullAttentionShape(LargePlan());
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->dtype, DType::kBF16);
  EXPECT_EQ(shape->batch, 3);
  EXPECT_EQ(shape->num_heads, 16);
  EXPECT_EQ(shape->num_kv_heads, 2);
  EXPECT_EQ(shape->q_len, 4096);
  EXPECT_EQ(shape->k_len, 8192);
  EXPECT_EQ(shape->head_dim, 128);
  EXPECT_EQ(shape->head_dim_v, 64);
  EXPECT_TRUE(shape->causal);
  EXPECT_FLOAT_EQ(shape->scale, 0.25f * std::log(2.0f));
}

TEST(FullAttentionShape, IsThereWhereAllBlocksAreSelected) {
  PlanShape plan = LargePlan();
  plan.block_size = 500;
  plan.options.top_k = 17;
  EXPECT_TRUE(FullAttentionShape(plan));
  plan.options.top_k = 16;
  EXPECT_FALSE(FullAttentionShape(plan));
  plan.options.top_k = 0;
  EXPECT_FALSE(FullAttentionShape(plan));
}

struct Change {
  const char* name;
  std::function<void(PlanShape&)> apply;
  bool taken;
};

void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }

class FullAttentionLimit : public testing::TestWithParam<Change> {};

TEST_P(FullAttentionLimit, IsKept) {
  PlanShape plan = LargePlan();
  GetParam().apply(plan);
  EXPECT_EQ(FullAttentionShape(plan).has_value(), GetParam().taken);
}

INSTANTIATE_TEST_SUITE_P(
    , FullAttentionLimit,
    testing::Values(
        Change{"F16", [](PlanShape& p) { p.dtype = DType::kF16; }, true},
        Change{"F32", [](PlanShape& p) { p.dtype = DType::kF32; }, false},
        Change{"HeadDim8", [](PlanShape& p) { p.head_dim = 8; }, true},
        Change{"HeadDim100", [](PlanShape& p) { p.head_dim = 100; }, false},
        Change{"HeadDimV100", [](PlanShape& p) { p.head_dim_v = 100; }, false},
        Change{"UnequalQueries", [](PlanShape& p) { ++p.max_tokens_q; }, false},
        Change{"UnequalKeys", [](PlanShape& p) { ++p.max_tokens_k; }, false},
        Change{"PartOfATileOfQueries", [](PlanShape& p) { p.max_tokens_q += 3 * 64; }, false},
        Change{"PartOfATileOfKeys", [](PlanShape& p) { p.max_tokens_k += 3 * 64; }, false},
        Change{"LeastQueries", [](PlanShape& p) { p.max_tokens_q = 3 * 256; }, true},
        Change{"FewQueries", [](PlanShape& p) { p.max_tokens_q = 3 * 128; }, false},
        Change{"NoQueries", [](PlanShape& p) { p.max_tokens_q = 0; }, false},
        Change{"NoKeys", [](PlanShape& p) { p.max_tokens_k = 0; }, false},
        Change{"LeastKeys", [](PlanShape& p) { p.max_tokens_q = p.max_tokens_k = 3 * 2048; }, true},
        Change{"FewKeys", [](PlanShape& p) { p.max_tokens_q = p.max_tokens_k = 3 * 1920; }, false},
        Change{"MostKeys", [](PlanShape& p) { p.max_tokens_k = 3 << 17; }, true},
        Change{"ManyKeys", [](PlanShape& p) { p.max_tokens_k = 3 * ((1 << 17) + 128); }, false},
        Change{"QueriesWithoutKeys", [](PlanShape& p) { p.max_tokens_q = 3 * 8320; }, false},
        Change{"MoreQueriesThanKeys",
               [](PlanShape& p) {
                 p.max_tokens_q = 3 * 8320;
                 p.options.causal = false;
               },
               true},
        Change{"LargeScale", [](PlanShape& p) { p.options.score_scale = 2e9f; }, false},
        Change{"ManyElements", [](PlanShape& p) { p.num_heads = 65536 - 2; }, false},
        Change{"MostOfEverything",
               [](PlanShape& p) {
                 p.num_heads = p.num_kv_heads = 1 << 20;
                 p.head_dim = p.head_dim_v = 1024;
                 p.max_sequences = int64_t{1} << 33;
                 p.max_tokens_q = p.max_tokens_k = int64_t{1} << 40;
               },
               false}),
    [](const auto& info) { return std::string(info.param.name); });

// Small for the oracle, as large as must be for cuDNN.
Problem SomeProblem(int32_t dtype, size_t sequences = 1) {
  Problem problem;
  problem.dtype = dtype;
  problem.heads = 16;
  problem.kv_heads = 1;
  problem.head_dim = 8;
  problem.head_dim_v = 16;
  problem.sequences.assign(sequences, {128, 2048});
  problem.options = FullAttention();
  Randomize(&problem, 21);
  return problem;
}

// In one order of threads.
Outcome EmulateOnce(const Problem& problem, const RunOptions& options = {}) {
  Call call(problem, Operation::kAttend, options);
  EXPECT_TRUE(Emulate(problem, options, call).ok());
  return call.ReadOutcome();
}

TEST(CudnnRun, MatchesOracle) {
  const WithCudnn cudnn;
  for (int32_t dtype : {MOBA_F16, MOBA_BF16}) {
    Problem problem = SomeProblem(dtype);
    problem.options.causal = dtype == MOBA_F16;
    ExpectRightAttention(problem, nullptr, EmulateOnce(problem));
  }
  EXPECT_EQ(cudnn.runs(), 2);
}

TEST(CudnnRun, TakesAllBlocksSelected) {
  const WithCudnn cudnn;
  Problem problem = SomeProblem(MOBA_BF16);
  problem.options = BlockSparse(1000, 3);
  const Outcome outcome = EmulateOnce(problem);
  ExpectRightSelection(problem, outcome.selection);
  ExpectRightAttention(problem, &outcome.selection, outcome);
  EXPECT_EQ(cudnn.runs(), 1);
}

TEST(CudnnRun, DoesNotDependOnTheLayout) {
  const WithCudnn cudnn;
  const Problem problem = SomeProblem(MOBA_F16, 2);
  const Outcome packed = EmulateOnce(problem);
  ExpectRightAttention(problem, nullptr, packed);
  for (Arrangement arrangement : {Arrangement::kHeadMajor, Arrangement::kSlice,
                                  Arrangement::kTimeMajor, Arrangement::kReversed}) {
    SCOPED_TRACE(ArrangementName(arrangement));
    RunOptions run;
    run.arrangement = arrangement;
    run.batch_axis = arrangement != Arrangement::kHeadMajor;
    EXPECT_TRUE(RowBits(problem, EmulateOnce(problem, run)) == RowBits(problem, packed));
    run.with_lse = false;
    EXPECT_EQ(EmulateOnce(problem, run).o_bits, packed.o_bits);
  }
  EXPECT_EQ(cudnn.runs(), 9);
}

// Whether cuDNN's graph for two sequences of 128 queries and 2048 keys takes these.
bool Takes(std::vector<Lengths> sequences, int64_t block_size = 0, int64_t top_k = 0) {
  const WithCudnn cudnn;
  Problem problem = SomeProblem(MOBA_BF16, 2);
  PlanShape plan = ShapeOf(problem, Call(problem, Operation::kAttend, {}).config);
  const auto graph = moba::cuda::cudnn::BuildGraph(*FullAttentionShape(plan));
  moba::core::Carver carver(nullptr);
  problem.sequences = std::move(sequences);
  problem.options.block_size = block_size;
  problem.options.top_k = top_k;
  const StoredSequences stored(problem, moba::core::Operation::kAttend);
  return moba::cuda::FullAttention(*graph, carver)
      .Takes(stored.totals, static_cast<int64_t>(problem.sequences.size()));
}

TEST(FullAttentionRun, HasTheLengthsOfItsGraph) {
  EXPECT_TRUE(Takes({{128, 2048}, {128, 2048}}));
  EXPECT_TRUE(Takes({{128, 2048}, {128, 2048}}, 1024, 2));
  EXPECT_FALSE(Takes({{128, 2048}, {128, 2048}}, 1024, 1));
  EXPECT_FALSE(Takes({{128, 2048}}));
  EXPECT_FALSE(Takes({{256, 4096}}));
  EXPECT_FALSE(Takes({{256, 2048}}));
  EXPECT_FALSE(Takes({{127, 2048}, {129, 2048}}));
  EXPECT_FALSE(Takes({{128, 2048}, {128, 2047}}));
  EXPECT_FALSE(Takes({{127, 2048}, {127, 2048}}));
  EXPECT_FALSE(Takes({{128, 2047}, {128, 2047}}));
  EXPECT_FALSE(Takes({{128, 2048}, {128, 2048}, {0, 0}}));
}

// Rows that read something else are right, and all others keep their bits.
TEST(CudnnRun, ContainsWhatIsNotOfModerateSize) {
  const WithCudnn cudnn;
  Problem clean = SomeProblem(MOBA_BF16);
  clean.heads = 32;
  clean.kv_heads = 2;
  Randomize(&clean, 22);
  const Outcome before = EmulateOnce(clean);
  const double infinity = std::numeric_limits<double>::infinity();
  for (double value : {std::nan(""), -infinity, std::ldexp(1.0, 120)}) {
    SCOPED_TRACE(value);
    Problem changed = clean;
    changed.V(2000, 1, 3) = value;
    changed.K(2040, 0, 7) = value;
    changed.Q(77, 5, 0) = value;
    const Outcome after =
        std::isnan(value) ? Emulate(changed, Operation::kAttend) : EmulateOnce(changed);
    ExpectRightAttention(changed, nullptr, after);
    for (int64_t i = 0; i < changed.sequences[0].q; ++i) {
      const int64_t visible = VisibleKeys(changed, 0, i);
      for (int64_t h = 0; h < changed.heads; ++h) {
        if (visible > (h < 16 ? 2040 : 2000) || (i == 77 && h == 5)) continue;
        const auto row = static_cast<size_t>(i * changed.heads + h);
        ASSERT_EQ(after.lse_bits[row], before.lse_bits[row]) << i << " " << h;
        for (size_t c = 0; c < 16; ++c) {
          ASSERT_EQ(after.o_bits[row * 16 + c], before.o_bits[row * 16 + c]) << i << " " << h;
        }
      }
    }
  }
  EXPECT_EQ(cudnn.runs(), 3 + std::size(kThreadOrders));
}

TEST(CudnnRun, LeavesLargeNumbersToOwnKernels) {
  for (int32_t dtype : {MOBA_F16, MOBA_BF16}) {
    Problem problem = SomeProblem(dtype);
    const double limit = std::ldexp(1.0, dtype == MOBA_F16 ? 15 : 40);
    for (double& value : problem.v) value = Round((1.4 + 0.03 * value) * limit, dtype);
    const Outcome own = EmulateOnce(problem);
    const WithCudnn cudnn;
    EXPECT_TRUE(RowBits(problem, EmulateOnce(problem)) == RowBits(problem, own));
    EXPECT_EQ(cudnn.runs(), 1);
  }
}

}  // namespace
}  // namespace moba_test
