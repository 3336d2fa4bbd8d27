// The complete forward (moba_attend, moba_route, moba_attend_selected) against the oracle, over a
// grid of shapes, dtypes, options and memory layouts, on every instruction set.
#include <gtest/gtest.h>

#include <random>

#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

std::string GuardName(Guard guard) { return guard == Guard::kBehind ? "" : "_guard_before"; }

// The same values for every kv head, as kSharedKvHeads has memory for one only.
void ShareKvHeads(Problem* problem) {
  for (int64_t token = 0; token < problem->TokensK(); ++token) {
    for (int64_t head = 1; head < problem->kv_heads; ++head) {
      for (int64_t d = 0; d < problem->head_dim; ++d) {
        problem->K(token, head, d) = problem->K(token, 0, d);
      }
      for (int64_t d = 0; d < problem->head_dim_v; ++d) {
        problem->V(token, head, d) = problem->V(token, 0, d);
      }
    }
  }
}

std::vector<GridCase> HeadDimCases() {
  std::vector<GridCase> cases;
  for (int32_t dtype : kStorageDtypes) {
    for (int64_t dim : {1, 3, 8, 16, 40, 64, 80, 96, 128, 192, 256}) {
      const Problem problem = MakeProblem(dtype, 2, 1, dim, {{77, 77}}, BlockSparse(16, 3));
      const std::string name = DtypeName(dtype) + Name("_D", dim);
      for (Guard guard : kGuards) {
        cases.push_back({name + GuardName(guard), problem, {.guard = guard}});
      }
    }
    for (const auto& [dim, dim_v] : {std::pair<int64_t, int64_t>{64, 128},
                                     {192, 128},
                                     {16, 1},
                                     {1, 40},
                                     {33, 7},
                                     {128, 300},
                                     {1024, 1024}}) {
      Problem problem = MakeProblem(dtype, 2, 1, dim, {{70, 70}}, BlockSparse(16, 3));
      problem.head_dim_v = dim_v;
      cases.push_back({DtypeName(dtype) + Name("_D", dim) + Name("_Dv", dim_v), problem, {}});
      problem.options = FullAttention();
      cases.push_back({cases.back().name + "_full", problem, {}});
    }
  }
  return cases;
}

std::vector<GridCase> BlockCases() {
  std::vector<GridCase> cases;
  for (int32_t dtype : {MOBA_F32, MOBA_BF16}) {
    for (int64_t size : {1, 2, 3, 7, 16, 64, 100, 128, 512, 600}) {
      const int64_t length = size >= 512 ? 1100 : size >= 100 ? 515 : 130;
      for (int64_t top_k : {1, 2, 3, 8, 20}) {
        if (size >= 100 && top_k == 20) continue;
        cases.push_back({DtypeName(dtype) + Name("_B", size) + Name("_K", top_k),
                         MakeProblem(dtype, 1, 1, 16, {{length, length}}, BlockSparse(size, top_k)),
                         {}});
      }
    }
  }
  return cases;
}

// Sequences of 1 to 3 queries and up to 6 keys.
std::vector<Lengths> Short(int64_t count) {
  std::vector<Lengths> sequences;
  for (int64_t i = 0; i < count; ++i) sequences.push_back({1 + i % 3, i % 7});
  return sequences;
}

std::vector<GridCase> LengthCases() {
  std::vector<GridCase> cases;
  const std::vector<std::pair<std::string, std::vector<Lengths>>> batches = {
      {"no_tokens", {{0, 0}}},
      {"no_keys", {{5, 0}}},
      {"no_queries", {{0, 9}}},
      {"one_token", {{1, 1}}},
      {"two_tokens", {{2, 2}}},
      {"decode", {{1, 133}}},
      {"speculative_decode", {{5, 203}}},
      {"chunked_prefill", {{50, 187}}},
      {"more_queries_than_keys", {{90, 41}}},
      {"block_boundary", {{64, 64}}},
      {"before_block_boundary", {{63, 63}}},
      {"after_block_boundary", {{65, 65}}},
      {"many_odd", {{1, 1}, {0, 0}, {37, 37}, {2, 90}, {70, 3}, {0, 17}, {5, 0}, {129, 129}}},
      {"many_empty", {{0, 0}, {0, 0}, {1, 1}, {0, 0}}},
      {"many_single", {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}},
      {"thousand_short", Short(1000)},
      {"many_decodes", {{1, 5}, {1, 200}, {1, 33}, {1, 64}}},
  };
  for (const auto& [name, sequences] : batches) {
    for (int32_t dtype : {MOBA_F32, MOBA_F16}) {
      const std::string prefix = DtypeName(dtype) + "_" + name;
      Problem problem = MakeProblem(dtype, 4, 2, 24, sequences, BlockSparse(16, 3));
      cases.push_back({prefix + "_sparse", problem, {}});
      problem.options.causal = 0;
      cases.push_back({prefix + "_sparse_bidirectional", problem, {}});
      problem.options = FullAttention();
      cases.push_back({prefix + "_full", problem, {}});
      problem.options.causal = 0;
      cases.push_back({prefix + "_full_bidirectional", problem, {}});
    }
  }
  return cases;
}

std::vector<GridCase> OptionCases() {
  std::vector<GridCase> cases;
  const std::vector<Lengths> sequences = {{150, 150}, {20, 75}};
  for (const auto& [heads, kv_heads] :
       {std::pair<int64_t, int64_t>{1, 1}, {4, 4}, {8, 2}, {6, 1}, {12, 3}}) {
    for (int32_t routing : {MOBA_ROUTING_PER_HEAD, MOBA_ROUTING_PER_GROUP}) {
      for (int32_t causal : {1, 0}) {
        for (const auto& [sinks, locals] :
             {std::pair<int64_t, int64_t>{0, 1}, {1, 1}, {0, 3}, {2, 2}, {3, 1}, {1, 4}}) {
          if (causal == 0 && locals > 1) continue;
          Problem problem =
              MakeProblem(MOBA_F32, heads, kv_heads, 16, sequences, BlockSparse(16, 5));
          problem.options.routing = routing;
          problem.options.causal = causal;
          problem.options.sink_blocks = sinks;
          problem.options.local_blocks = locals;
          cases.push_back({Name("H", heads) + Name("_G", kv_heads) +
                               (routing == MOBA_ROUTING_PER_GROUP ? "_per_group" : "_per_head") +
                               (causal != 0 ? "_causal" : "_bidirectional") +
                               Name("_sinks", sinks) + Name("_local", locals),
                           problem,
                           {}});
        }
      }
    }
  }
  for (int32_t dtype : kStorageDtypes) {
    for (const auto& [name, scale] : {std::pair<std::string, double>{"tiny", 1e-6},
                                      {"one", 1.0},
                                      {"large", 8.0},
                                      {"huge", 1e30}}) {
      Problem problem = MakeProblem(dtype, 2, 1, 32, sequences, BlockSparse(16, 3));
      problem.options.softmax_scale = scale;
      cases.push_back({DtypeName(dtype) + "_scale_" + name, problem, {}});
    }
  }
  // As large as the type allows; nothing of it is worth memory or overflows.
  Problem problem = MakeProblem(MOBA_F32, 2, 1, 8, sequences, BlockSparse(16, int64_t{1} << 60));
  cases.push_back({"huge_top_k", problem, {}});
  problem.options.sink_blocks = problem.options.local_blocks = int64_t{1} << 59;
  cases.push_back({"huge_sinks_and_local", problem, {}});
  problem.options = BlockSparse(int64_t{1} << 60, 2);
  cases.push_back({"huge_block_size", problem, {}});
  return cases;
}

std::vector<GridCase> LayoutCases() {
  std::vector<GridCase> cases;
  for (int32_t dtype : kStorageDtypes) {
    for (Arrangement arrangement :
         {Arrangement::kTokenMajor, Arrangement::kHeadMajor, Arrangement::kSlice,
          Arrangement::kTimeMajor, Arrangement::kReversed, Arrangement::kSharedKvHeads}) {
      for (bool full : {false, true}) {
        for (Guard guard : kGuards) {
          const moba_options options = full ? FullAttention() : BlockSparse(16, 3);
          const std::string name = DtypeName(dtype) + "_" + ArrangementName(arrangement) +
                                   (full ? "_full" : "_sparse") + GuardName(guard);
          RunOptions run;
          run.arrangement = arrangement;
          run.guard = guard;
          cases.push_back(
              {name + "_packed", MakeProblem(dtype, 4, 2, 21, {{50, 50}, {3, 40}}, options), run});
          run.offset_from_lowest = true;
          cases.push_back(
              {name + "_byte_offset", MakeProblem(dtype, 4, 2, 21, {{61, 61}}, options), run});
          run.batch_axis = true;
          cases.push_back({name + "_batched",
                           MakeProblem(dtype, 4, 2, 21, {{33, 47}, {33, 47}, {33, 47}}, options),
                           run});
        }
      }
    }
  }
  for (bool one : {false, true}) {
    for (int32_t cu_dtype : {MOBA_I32, MOBA_I64}) {
      RunOptions run;
      run.one_cu_seqlens = one;
      run.always_cu_seqlens = true;
      run.cu_seqlens_dtype = cu_dtype;
      const std::string name =
          std::string("cu_seqlens_") + DtypeName(cu_dtype) + (one ? "_shared" : "_both");
      cases.push_back({name + "_many",
                       MakeProblem(MOBA_F32, 2, 2, 8, {{40, 40}, {9, 9}}, BlockSparse(8, 2)), run});
      cases.push_back(
          {name + "_single", MakeProblem(MOBA_F32, 2, 2, 8, {{40, 40}}, BlockSparse(8, 2)), run});
    }
  }
  return cases;
}

// Problems large enough for the library to divide them: into windows of queries, into waves of kv
// heads, into chunks of keys, and into more partial sums per row than are simply added up.
std::vector<GridCase> LargeCases() {
  std::vector<GridCase> cases;
  Problem problem = MakeProblem(MOBA_F32, 5, 5, 8, {{9000, 9000}}, BlockSparse(64, 3));
  cases.push_back({"many_windows_and_waves", problem, {}});
  problem = MakeProblem(MOBA_BF16, 4, 2, 8, {{5000, 5000}, {3000, 4000}}, BlockSparse(50, 4));
  problem.options.routing = MOBA_ROUTING_PER_GROUP;
  cases.push_back({"many_windows_per_group", problem, {}});
  problem = MakeProblem(MOBA_F32, 2, 1, 8, {{3000, 2000}}, BlockSparse(64, 3));
  problem.options.causal = 0;
  cases.push_back({"many_windows_bidirectional", problem, {}});
  problem = MakeProblem(MOBA_F32, 2, 1, 8, {{1500, 1500}}, FullAttention());
  cases.push_back({"many_windows_full", problem, {}});
  problem = MakeProblem(MOBA_F32, 2, 2, 8, {{1300, 1700}}, BlockSparse(750, 2));
  cases.push_back({"blocks_of_two_chunks", problem, {}});
  problem = MakeProblem(MOBA_F32, 2, 2, 8, {{600, 600}}, BlockSparse(4, 70));
  cases.push_back({"seventy_blocks_per_row", problem, {}});
  problem = MakeProblem(MOBA_BF16, 2, 1, 128, {{4500, 4500}}, BlockSparse(4096, 2));
  cases.push_back({"tensor_cores_and_huge_blocks", problem, {}});
  problem = MakeProblem(MOBA_F16, 1, 1, 64, {{300, 2300}, {1900, 1900}}, BlockSparse(16, 40));
  cases.push_back({"tensor_cores_and_forty_blocks_per_row", problem, {}});
  return cases;
}

// Combinations nobody thought of, the same in every run.
std::vector<GridCase> MixedCases() {
  std::vector<GridCase> cases;
  std::mt19937 random(20250213);
  const auto pick = [&](std::vector<int64_t> choices) {
    return choices[random() % choices.size()];
  };
  for (int i = 0; i < 250; ++i) {
    Problem problem;
    problem.dtype = static_cast<int32_t>(pick({MOBA_F32, MOBA_F16, MOBA_BF16}));
    problem.kv_heads = pick({1, 2, 3});
    problem.heads = problem.kv_heads * pick({1, 1, 2, 4, 5});
    problem.head_dim = pick({1, 2, 5, 8, 17, 32, 47, 64, 80, 128});
    problem.head_dim_v = pick({problem.head_dim, problem.head_dim, 1, 9, 64, 72});
    const bool full = random() % 4 == 0;
    problem.options =
        full ? FullAttention()
             : BlockSparse(pick({1, 4, 5, 13, 16, 32, 64, 100}), pick({1, 2, 3, 4, 6, 9, 16}));
    problem.options.causal = random() % 3 != 0;
    if (!full) {
      const int64_t top_k = problem.options.top_k;
      problem.options.routing = static_cast<int32_t>(random() % 2);
      problem.options.sink_blocks = std::min<int64_t>(pick({0, 0, 1, 2}), top_k - 1);
      if (problem.options.causal != 0) {
        problem.options.local_blocks =
            std::min<int64_t>(pick({1, 1, 2, 3}), top_k - problem.options.sink_blocks);
      }
    }
    RunOptions run;
    run.batch_axis = random() % 4 == 0;
    const int64_t sequences = pick({1, 1, 2, 3, 5});
    for (int64_t s = 0; s < sequences; ++s) {
      const int64_t keys = pick({0, 1, 7, 31, 64, 80, 129, 160});
      const int64_t queries = random() % 2 == 0 ? keys : pick({0, 1, 3, 24, 33, 70});
      problem.sequences.push_back(run.batch_axis && s > 0 ? problem.sequences[0]
                                                          : Lengths{queries, keys});
    }
    run.arrangement = static_cast<Arrangement>(random() % 5);
    run.cu_seqlens_dtype = random() % 2 == 0 ? MOBA_I32 : MOBA_I64;
    run.offset_from_lowest = random() % 2 == 0;
    run.with_lse = random() % 4 != 0;
    run.spare = pick({0, 0, 1, 77});
    run.guard = kGuards[i % 2];
    cases.push_back({Name("seed", i), problem, run});
  }
  return cases;
}

// What tensor cores take: 16-bit values, certain head dimensions, aligned rows and enough queries.
// Whole blocks, blocks that end inside a tile of keys, tiles that many rows or one row select.
std::vector<GridCase> TensorCoreCases() {
  std::vector<GridCase> cases;
  const auto add = [&](const std::string& name, const Problem& problem, const RunOptions& run) {
    cases.push_back({DtypeName(problem.dtype) + Name("_D", problem.head_dim) + name, problem, run});
  };
  for (int32_t dtype : {MOBA_BF16, MOBA_F16}) {
    for (int64_t dim : {64, 96, 128, 192, 256}) {
      for (const auto& [size, top_k] : {std::pair<int64_t, int64_t>{16, 3},
                                        {48, 2},
                                        {64, 4},
                                        {100, 2},
                                        {128, 3},
                                        {256, 1},
                                        {300, 2}}) {
        const int64_t length = 2 * size + 171;
        add(Name("_B", size),
            MakeProblem(dtype, 2, 1, dim, {{length, length}}, BlockSparse(size, top_k)), {});
      }
      add("_full", MakeProblem(dtype, 2, 2, dim, {{200, 333}}, FullAttention()), {});
    }
  }
  const std::vector<Lengths> batch = {{1, 70}, {0, 30}, {150, 150}, {33, 190}, {130, 9}, {5, 5}};
  for (int32_t dtype : {MOBA_BF16, MOBA_F16}) {
    for (const auto& [heads, kv_heads] :
         {std::pair<int64_t, int64_t>{1, 1}, {3, 3}, {8, 2}, {6, 1}}) {
      for (int32_t causal : {1, 0}) {
        Problem problem = MakeProblem(dtype, heads, kv_heads, 64, batch, BlockSparse(32, 4));
        problem.options.causal = causal;
        const std::string name =
            Name("_H", heads) + Name("_G", kv_heads) + (causal != 0 ? "_causal" : "_bidirectional");
        add(name, problem, {});
        add(name + "_no_lse", problem, {.with_lse = false, .spare = 99});
        problem.options.routing = MOBA_ROUTING_PER_GROUP;
        problem.options.sink_blocks = 1;
        problem.options.local_blocks = causal != 0 ? 2 : 1;
        add(name + "_per_group", problem, {});
        problem.options = FullAttention();
        problem.options.causal = causal;
        add(name + "_full", problem, {});
      }
    }
    for (Arrangement arrangement : {Arrangement::kHeadMajor, Arrangement::kTimeMajor,
                                    Arrangement::kReversed, Arrangement::kSharedKvHeads}) {
      Problem problem =
          MakeProblem(dtype, 4, 2, 64, {{90, 150}, {90, 150}, {90, 150}}, BlockSparse(40, 3));
      const std::string name = "_" + ArrangementName(arrangement);
      add(name, problem, {.arrangement = arrangement});
      add(name + "_batched", problem,
          {.arrangement = arrangement, .batch_axis = true, .guard = Guard::kBefore});
    }
  }
  return cases;
}

// Few queries: the CPU reads keys and values where they lie.
std::vector<GridCase> DecodeCases() {
  std::vector<GridCase> cases;
  const auto add_sparse_and_full = [&](const std::string& name, Problem problem) {
    cases.push_back({name + "_sparse", problem, {.guard = Guard::kBehind}});
    problem.options = FullAttention();
    cases.push_back({name + "_full", problem, {.guard = Guard::kBefore}});
  };
  for (int32_t dtype : kStorageDtypes) {
    // Tiles of every number of rows, tails of channels, and just too many queries or rows.
    for (const auto& [queries, group] : {std::pair<int64_t, int64_t>{1, 1},
                                         {1, 2},
                                         {1, 3},
                                         {1, 4},
                                         {1, 7},
                                         {1, 8},
                                         {1, 128},
                                         {1, 129},
                                         {2, 1},
                                         {2, 8},
                                         {3, 5},
                                         {5, 3},
                                         {8, 2},
                                         {32, 1},
                                         {33, 1}}) {
      for (const auto& [dim, dim_v] : {std::pair<int64_t, int64_t>{64, 64}, {37, 90}}) {
        Problem problem = MakeProblem(dtype, 2 * group, 2, dim, {{queries, 300}, {queries, 41}},
                                      BlockSparse(64, 2));
        problem.head_dim_v = dim_v;
        add_sparse_and_full(
            DtypeName(dtype) + Name("_q", queries) + Name("_group", group) + Name("_D", dim),
            problem);
      }
    }
    // Keys and values that follow each other are read in another way: by few rows.
    for (int64_t group : {1, 2, 3, 4}) {
      for (const auto& [dim, dim_v] :
           {std::pair<int64_t, int64_t>{37, 90}, {64, 128}, {128, 256}, {16, 1024}}) {
        Problem problem =
            MakeProblem(dtype, group, 1, dim, {{1, 300}, {1, 41}}, BlockSparse(64, 2));
        problem.head_dim_v = dim_v;
        add_sparse_and_full(DtypeName(dtype) + Name("_one_kv_head_group", group) + Name("_D", dim),
                            problem);
      }
    }
    // Heads that lie side by side are read together where there are tasks enough for all threads.
    const std::vector<Lengths> many = {{1, 150}, {1, 41}, {1, 1}, {1, 2},
                                       {1, 0},   {1, 7},  {1, 3}, {2, 65}};
    for (const auto& [kv_heads, group] :
         {std::pair<int64_t, int64_t>{3, 2}, {4, 1}, {8, 1}, {8, 4}, {33, 1}}) {
      for (const auto& [dim, dim_v] : {std::pair<int64_t, int64_t>{64, 64}, {24, 37}}) {
        Problem problem =
            MakeProblem(dtype, kv_heads * group, kv_heads, dim, many, BlockSparse(64, 2));
        problem.head_dim_v = dim_v;
        add_sparse_and_full(DtypeName(dtype) + Name("_side_by_side", kv_heads) +
                                Name("_group", group) + Name("_D", dim),
                            problem);
      }
    }
    // Beside sequences whose keys are packed.
    cases.push_back(
        {DtypeName(dtype) + "_among_prefills",
         MakeProblem(dtype, 4, 2, 40, {{150, 150}, {1, 2500}, {70, 300}, {2, 90}, {0, 50}, {40, 3}},
                     BlockSparse(48, 3)),
         {}});
  }
  // Keys cut into several parts; blocks just too short, of one step, of many, of more than a part.
  for (const auto& [size, top_k] : {std::pair<int64_t, int64_t>{31, 5},
                                    {32, 9},
                                    {33, 40},
                                    {64, 3},
                                    {100, 4},
                                    {512, 3},
                                    {3000, 2}}) {
    for (int32_t routing : {MOBA_ROUTING_PER_HEAD, MOBA_ROUTING_PER_GROUP}) {
      for (int32_t causal : {1, 0}) {
        Problem problem = MakeProblem(MOBA_F32, 8, 2, 16, {{3, 7000}, {1, 4097}, {5, 2}, {1, 0}},
                                      BlockSparse(size, top_k));
        problem.options.routing = routing;
        problem.options.causal = causal;
        problem.options.sink_blocks = top_k > 2 ? 1 : 0;
        problem.options.local_blocks = top_k > 2 && causal != 0 ? 2 : 1;
        cases.push_back({Name("B", size) +
                             (routing == MOBA_ROUTING_PER_GROUP ? "_per_group" : "_per_head") +
                             (causal != 0 ? "_causal" : "_bidirectional"),
                         problem,
                         {}});
      }
    }
  }
  return cases;
}

class Forward : public GridTest {};

TEST_P(Forward, MatchesOracle) {
  Problem problem = Case().problem;
  Randomize(&problem, 1);
  if (Case().run.arrangement == Arrangement::kSharedKvHeads) ShareKvHeads(&problem);
  ExpectRightForward(Engine(), problem, Case().run);
}

MOBA_INSTANTIATE_GRID(HeadDims, Forward, HeadDimCases());
MOBA_INSTANTIATE_GRID(BlockSizes, Forward, BlockCases());
MOBA_INSTANTIATE_GRID(Lengths, Forward, LengthCases());
MOBA_INSTANTIATE_GRID(Options, Forward, OptionCases());
MOBA_INSTANTIATE_GRID(Layouts, Forward, LayoutCases());
MOBA_INSTANTIATE_GRID(Large, Forward, LargeCases());
MOBA_INSTANTIATE_GRID(Decode, Forward, DecodeCases());
MOBA_INSTANTIATE_GRID(TensorCores, Forward, TensorCoreCases());
MOBA_INSTANTIATE_GRID(Mixed, Forward, MixedCases());

}  // namespace
}  // namespace moba_test
