// What a run of the CUDA backend owes beside its results.
#include <gtest/gtest.h>

#include "cuda/emulated_run.h"

namespace moba_test {
namespace {

using moba::cuda::TensorCores;

Problem SomeProblem(size_t sequences) {
  Problem problem;
  problem.heads = 2;
  problem.head_dim = problem.head_dim_v = 8;
  problem.sequences.assign(sequences, {4, 20});
  problem.options = BlockSparse(8, 2);
  Randomize(&problem, 10);
  return problem;
}

TEST(CudaRun, WithoutAllSequencesWritesNothing) {
  const Problem problem = SomeProblem(100);
  for (int64_t given : {0, 1, 55, 99}) {
    Call call(problem, Operation::kAttend, {});
    const moba::cuda::Status status = Emulate(problem, {}, call, given);
    EXPECT_EQ(status.code, moba::cuda::Status::Code::kNoSequence);
    EXPECT_TRUE(call.OutputsUntouched());
    EXPECT_TRUE(call.InputsUnchanged());
  }
}

TEST(CudaRun, SequencesDoNotDependOnTheirNeighbours) {
  const Problem all = SomeProblem(70);
  const Outcome together = Emulate(all, Operation::kAttend);
  for (size_t s : {0, 54, 55, 69}) {
    Problem one = SomeProblem(1);
    one.q.assign(all.q.begin() + s * 4 * 16, all.q.begin() + (s + 1) * 4 * 16);
    one.k.assign(all.k.begin() + s * 20 * 8, all.k.begin() + (s + 1) * 20 * 8);
    one.v.assign(all.v.begin() + s * 20 * 8, all.v.begin() + (s + 1) * 20 * 8);
    EXPECT_TRUE(
        RowBits(one, Emulate(one, Operation::kAttend)) ==
        RowBits(all, together, static_cast<int64_t>(s) * 4, (static_cast<int64_t>(s) + 1) * 4));
  }
}

TEST(CudaWorkspace, IsLinearInTokens) {
  const Problem problem = SomeProblem(1);
  const Call call(problem, Operation::kAttend, {});
  moba::core::PlanShape shape = ShapeOf(problem, call.config);
  shape.dtype = moba::core::DType::kBF16;
  shape.head_dim = shape.head_dim_v = 128;
  shape.block_size = 64;
  for (TensorCores tensor_cores :
       {TensorCores::kNone, TensorCores::kAmpere, TensorCores::kHopper}) {
    for (int64_t top_k : {int64_t{0}, int64_t{8}, int64_t{1} << 41}) {
      shape.options.top_k = top_k;
      shape.max_tokens_q = shape.max_tokens_k = int64_t{1} << 20;
      const int64_t once = moba::cuda::WorkspaceBytes({shape}, 1000, tensor_cores);
      shape.max_tokens_q = shape.max_tokens_k = int64_t{1} << 24;
      EXPECT_LE(moba::cuda::WorkspaceBytes({shape}, 1000, tensor_cores), 16 * once);
    }
  }
}

// 16 heads of a million tokens, K = 8, B = 128: a third of what queries, keys, values and outputs
// take.
TEST(CudaWorkspace, OfAMillionTokensIsSmall) {
  moba::core::PlanShape shape = {};
  shape.dtype = moba::core::DType::kBF16;
  shape.num_heads = shape.num_kv_heads = 16;
  shape.head_dim = shape.head_dim_v = 128;
  shape.max_tokens_q = shape.max_tokens_k = int64_t{1} << 20;
  shape.max_sequences = 1;
  shape.block_size = 128;
  shape.options.top_k = 8;
  EXPECT_LE(moba::cuda::WorkspaceBytes({shape}, 1056, TensorCores::kHopper), int64_t{7} << 29);
}

std::string KernelsOf(const moba::core::PlanShape& shape, TensorCores tensor_cores) {
  char text[sizeof moba_plan_info::kernels];
  moba::cuda::DescribeKernels(moba::cuda::MakePlan(shape), tensor_cores, text, sizeof text);
  return text;
}

TEST(CudaKernels, AreNamedWithWhatKeepsFasterOnesAway) {
  moba::core::PlanShape shape = {};
  shape.dtype = moba::core::DType::kF16;
  shape.num_heads = shape.num_kv_heads = 4;
  shape.head_dim = shape.head_dim_v = 64;
  shape.max_tokens_q = shape.max_tokens_k = 8192;
  shape.max_sequences = 2;
  shape.block_size = 128;
  shape.options.top_k = 8;
  EXPECT_EQ(KernelsOf(shape, TensorCores::kHopper),
            "routing on tensor cores, attention on tensor cores");
  const std::string portable = "by portable kernels";
  EXPECT_EQ(KernelsOf(shape, TensorCores::kNone),
            "routing " + portable + ", attention " + portable +
                ", as the device has no tensor cores for others");
  shape.options.top_k = 65;
  shape.block_size = 16;
  shape.head_dim = 72;
  EXPECT_EQ(KernelsOf(shape, TensorCores::kHopper),
            "routing " + portable + ", attention " + portable +
                ", as there are no others for these head dimensions");
  shape.head_dim = 64;
  shape.block_size = 0;
  shape.options.top_k = 0;
  EXPECT_EQ(KernelsOf(shape, TensorCores::kHopper),
            "attention on tensor cores; not by cuDNN, as none is emulated");
  moba::cuda::emulated_cudnn = true;
  EXPECT_EQ(
      KernelsOf(shape, TensorCores::kHopper),
      "attention by cuDNN where a run has 2 x 4096 queries and 4096 keys, else on tensor cores");
  shape.max_tokens_k = 8200;
  EXPECT_EQ(KernelsOf(shape, TensorCores::kHopper),
            "attention on tensor cores; not by cuDNN, as lengths are no multiples of 128");
  shape.dtype = moba::core::DType::kF32;
  EXPECT_EQ(KernelsOf(shape, TensorCores::kHopper),
            "attention " + portable +
                ", as the elements are fp32; not by cuDNN, as the elements "
                "are fp32");
  moba::cuda::emulated_cudnn = false;
}

}  // namespace
}  // namespace moba_test
