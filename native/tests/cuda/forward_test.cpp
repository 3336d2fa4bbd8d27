// The forward of the CUDA backend, emulated, against the oracle: over a grid of shapes, storage
// types, options and memory layouts.
#include <gtest/gtest.h>

#include <random>

#include "cuda/batch_cases.h"
#include "cuda/emulated_run.h"
#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

std::vector<GridCase> Cases() {
  std::vector<GridCase> cases;
  const auto add = [&](const std::string& name, const Problem& problem, const RunOptions& run) {
    cases.push_back({Name("case", static_cast<int64_t>(cases.size())) + "_" + name, problem, run});
  };
  for (int32_t dtype : kStorageDtypes) {
    for (int64_t dim : {1, 5, 64, 96, 128, 192, 1024}) {
      for (int64_t dim_v : {dim, dim == 1 ? 300 : (dim * 7) % 1025}) {
        Problem problem = MakeProblem(dtype, 2, 1, dim, {{40, 40}}, BlockSparse(8, 3));
        problem.head_dim_v = dim_v;
        add(DtypeName(dtype) + Name("_D", dim) + Name("_Dv", dim_v), problem, {});
      }
    }
  }
  for (int64_t size : {1, 3, 64, 100}) {
    for (int64_t top_k : {1, 2, 7, 50}) {
      const int64_t length = size >= 64 ? 330 : 90;
      add(Name("B", size) + Name("_K", top_k),
          MakeProblem(MOBA_F32, 1, 1, 16, {{length, length}}, BlockSparse(size, top_k)), {});
    }
  }
  add("huge_block", MakeProblem(MOBA_F32, 1, 1, 4, {{9, 200}}, BlockSparse(int64_t{1} << 41, 2)),
      {});
  add("huge_top_k", MakeProblem(MOBA_F32, 1, 1, 4, {{9, 200}}, BlockSparse(16, int64_t{1} << 41)),
      {});

  AddBatches({{"no_sequence", {}},
              {"no_tokens", {{0, 0}}},
              {"no_keys", {{5, 0}}},
              {"no_queries", {{0, 9}}},
              {"one_token", {{1, 1}}},
              {"decode", {{1, 133}}},
              {"chunked_prefill", {{50, 187}}},
              {"more_queries_than_keys", {{90, 41}}},
              {"many_odd", {{0, 0}, {1, 1}, {0, 0}, {37, 37}, {2, 90}, {70, 3}, {0, 17}, {5, 0}}},
              {"more_than_one_kernel_stores", std::vector<Lengths>(150, {1, 33})}},
             MakeProblem(MOBA_F32, 4, 2, 12, {}, BlockSparse(16, 2)), add);
  for (const auto& [heads, kv_heads] : {std::pair<int64_t, int64_t>{4, 4}, {6, 2}, {3, 1}}) {
    for (int32_t routing : {MOBA_ROUTING_PER_HEAD, MOBA_ROUTING_PER_GROUP}) {
      for (int32_t causal : {1, 0}) {
        for (const auto& [sinks, locals] :
             {std::pair<int64_t, int64_t>{0, 1}, {1, 1}, {0, 3}, {2, 2}, {3, 2}, {4, 1}}) {
          if (causal == 0 && locals > 1) continue;
          Problem problem =
              MakeProblem(MOBA_BF16, heads, kv_heads, 16, {{30, 130}, {20, 9}}, BlockSparse(16, 5));
          problem.options.routing = routing;
          problem.options.causal = causal;
          problem.options.sink_blocks = sinks;
          problem.options.local_blocks = locals;
          add(Name("H", heads) + Name("_G", kv_heads) +
                  (routing == MOBA_ROUTING_PER_GROUP ? "_per_group" : "_per_head") +
                  (causal != 0 ? "" : "_bidirectional") + Name("_sinks", sinks) +
                  Name("_local", locals),
              problem, {});
        }
      }
    }
  }
  for (Arrangement arrangement : {Arrangement::kHeadMajor, Arrangement::kSlice,
                                  Arrangement::kTimeMajor, Arrangement::kReversed}) {
    for (bool full : {false, true}) {
      RunOptions run;
      run.arrangement = arrangement;
      const moba_options options = full ? FullAttention() : BlockSparse(8, 3);
      const std::string name = ArrangementName(arrangement) + (full ? "_full" : "_sparse");
      add(name + "_packed", MakeProblem(MOBA_F16, 4, 2, 20, {{50, 50}, {3, 40}}, options), run);
      run.batch_axis = true;
      run.with_lse = false;
      run.spare = 9;
      const Problem batch =
          MakeProblem(MOBA_F16, 4, 2, 20, {{33, 47}, {33, 47}, {33, 47}}, options);
      add(name + "_batched", batch, run);
    }
  }
  for (double scale : {1e-30, 8.0, 1e30}) {
    Problem problem = MakeProblem(MOBA_F32, 1, 1, 16, {{60, 60}}, BlockSparse(16, 3));
    problem.options.softmax_scale = scale;
    add("scale", problem, {});
  }
  add("radix_of_many_blocks", MakeProblem(MOBA_F32, 1, 1, 3, {{3, 3000}}, BlockSparse(2, 300)), {});
  return cases;
}

class CudaForward : public testing::TestWithParam<GridCase> {};

TEST_P(CudaForward, MatchesOracle) {
  Problem problem = GetParam().problem;
  const RunOptions run = GetParam().run;
  Randomize(&problem, 1);
  const Outcome attended = Emulate(problem, Operation::kAttend, run);
  if (problem.Full()) {
    ExpectRightAttention(problem, nullptr, attended);
    return;
  }
  ExpectRightSelection(problem, attended.selection);
  ExpectRightAttention(problem, &attended.selection, attended);

  const Outcome routed = Emulate(problem, Operation::kRoute, run);
  EXPECT_EQ(routed.selection.blocks, attended.selection.blocks);
  // The same keys in the same chunks, wherever the selection comes from.
  const Outcome selected = Emulate(problem, Operation::kAttendSelected, run, &routed.selection);
  EXPECT_TRUE(RowBits(problem, selected) == RowBits(problem, attended));
  RunOptions kept = run;
  kept.with_selected = false;
  EXPECT_TRUE(RowBits(problem, Emulate(problem, Operation::kAttend, kept)) ==
              RowBits(problem, attended));
}

INSTANTIATE_TEST_SUITE_P(, CudaForward, testing::ValuesIn(Thinned(Cases())),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace moba_test
