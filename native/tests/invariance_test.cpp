// Same bits: what may not influence a result at all (threads, neighbours in the batch, layout,
// scratch memory, maxima of the plan), and which paths are one.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "numerics.h"
#include "parameters.h"

namespace moba_test {
namespace {

std::vector<GridCase> Cases() {
  std::vector<GridCase> cases;
  const auto add = [&](const std::string& name, const moba_options& options) {
    for (int32_t dtype : {MOBA_F32, MOBA_F16, MOBA_BF16}) {
      Problem problem;
      problem.dtype = dtype;
      problem.heads = 4;
      problem.kv_heads = 2;
      problem.head_dim = 32;
      problem.head_dim_v = 40;
      problem.options = options;
      cases.push_back({DtypeName(dtype) + "_" + name, problem, {}});
    }
  };
  add("sparse", BlockSparse(16, 3));
  add("full", FullAttention());
  moba_options options = BlockSparse(16, 3);
  options.routing = MOBA_ROUTING_PER_GROUP;
  add("per_group", options);
  options = BlockSparse(13, 4);
  options.causal = 0;
  add("bidirectional", options);
  options = BlockSparse(32, 4);
  options.sink_blocks = 1;
  options.local_blocks = 2;
  add("sinks_and_local", options);
  options.causal = 0;
  options.local_blocks = 1;
  options.routing = MOBA_ROUTING_PER_GROUP;
  add("sinks_per_group_bidirectional", options);
  return cases;
}

Problem WithData(const GridCase& grid_case, std::vector<Lengths> sequences) {
  Problem problem = grid_case.problem;
  problem.sequences = std::move(sequences);
  Randomize(&problem, 2);
  return problem;
}

// One sequence of a packed problem on its own.
Problem Separate(const Problem& packed, size_t sequence) {
  Problem problem = packed;
  problem.sequences = {packed.sequences[sequence]};
  const auto part = [](const std::vector<double>& values, int64_t begin, int64_t end, int64_t row) {
    return std::vector<double>(values.begin() + begin * row, values.begin() + end * row);
  };
  const int64_t q = packed.FirstQ(sequence);
  const int64_t k = packed.FirstK(sequence);
  const Lengths& lengths = packed.sequences[sequence];
  problem.q = part(packed.q, q, q + lengths.q, packed.heads * packed.head_dim);
  problem.k = part(packed.k, k, k + lengths.k, packed.kv_heads * packed.head_dim);
  problem.v = part(packed.v, k, k + lengths.k, packed.kv_heads * packed.head_dim_v);
  return problem;
}

// A query head of a packed problem, and the key-value head it reads, on their own.
Problem SingleHead(const Problem& packed, int64_t head) {
  Problem problem = packed;
  problem.heads = problem.kv_heads = 1;
  const auto part = [](const std::vector<double>& values, int64_t heads, int64_t channels,
                       int64_t wanted) {
    std::vector<double> rows;
    for (auto row = values.begin() + wanted * channels; row < values.end();
         row += heads * channels) {
      rows.insert(rows.end(), row, row + channels);
    }
    return rows;
  };
  const int64_t kv_head = head / (packed.heads / packed.kv_heads);
  problem.q = part(packed.q, packed.heads, packed.head_dim, head);
  problem.k = part(packed.k, packed.kv_heads, packed.head_dim, kv_head);
  problem.v = part(packed.v, packed.kv_heads, packed.head_dim_v, kv_head);
  return problem;
}

void ExpectSameBits(const Problem& problem, const Outcome& a, const Outcome& b) {
  EXPECT_EQ(a.selection.blocks, b.selection.blocks);
  EXPECT_TRUE(RowBits(problem, a) == RowBits(problem, b));
}

class SameBits : public GridTest {};

TEST_P(SameBits, ForAnyNumberOfThreads) {
  const Problem problem = WithData(Case(), {{1300, 1300}, {40, 90}, {1, 200}, {3, 5000}});
  const int32_t target = std::get<0>(GetParam());
  const Outcome one = Attend(SharedEngine(target, 1), problem);
  for (int32_t threads : {2, 3, 7}) {
    SCOPED_TRACE(threads);
    ExpectSameBits(problem, one, Attend(SharedEngine(target, threads), problem));
  }
}

#if defined(__x86_64__)
TEST_P(SameBits, WhateverTheCallersFloatingPointEnvironment) {
  Problem problem = WithData(Case(), {{600, 600}});
  for (double& value : problem.v) value *= 1e-39;
  const moba_engine* engine = SharedEngine(std::get<0>(GetParam()), 2);
  const Outcome expected = Attend(engine, problem);
  Call call(problem, Operation::kAttend, {});
  call.PlaceOn(engine);
  const OwnedPlan plan(engine, call.config);
  call.MakeWorkspace(plan);
  const unsigned usual = _mm_getcsr();
  constexpr unsigned kFlushSubnormalsAndRoundUp = 0x8040 | 0x4000;
  constexpr unsigned kFlags = 0x3F;
  _mm_setcsr(usual | kFlushSubnormalsAndRoundUp);
  const int32_t status = call.Run(plan.get());
  const unsigned after = _mm_getcsr();
  _mm_setcsr(usual);
  EXPECT_EQ(status, MOBA_OK);
  EXPECT_EQ(after & ~kFlags, (usual | kFlushSubnormalsAndRoundUp) & ~kFlags);
  EXPECT_EQ(call.o_memory->Bits(), expected.o_bits);
  EXPECT_EQ(call.lse_memory->Bits(), expected.lse_bits);
}
#endif

TEST_P(SameBits, PackedAndSeparate) {
  // The first sequence has fewer blocks than the top-k, the others have more.
  const Problem packed = WithData(Case(), {{21, 21}, {200, 200}, {0, 3}, {1, 150}, {77, 101}});
  const Outcome together = Attend(Engine(), packed);
  for (size_t s = 0; s < packed.sequences.size(); ++s) {
    SCOPED_TRACE(s);
    const Problem problem = Separate(packed, s);
    const Outcome alone = Attend(Engine(), problem);
    const int64_t first = packed.FirstQ(s);
    EXPECT_TRUE(RowBits(problem, alone) ==
                RowBits(packed, together, first, first + packed.sequences[s].q));
    for (int64_t i = 0; !problem.Full() && i < packed.sequences[s].q; ++i) {
      for (int64_t h = 0; h < problem.heads; ++h) {
        EXPECT_EQ(alone.selection.Blocks(i, h), together.selection.Blocks(first + i, h));
      }
    }
  }
}

void ExpectSameBitsAlone(const moba_engine* engine, const Problem& problem,
                         std::initializer_list<int64_t> heads) {
  const Outcome together = Attend(engine, problem);
  for (int64_t head : heads) {
    SCOPED_TRACE(head);
    const Outcome alone = Attend(engine, SingleHead(problem, head));
    for (int64_t i = 0; i < problem.TokensQ(); ++i) {
      const int64_t row = i * problem.heads + head;
      ASSERT_EQ(alone.lse_bits[i], together.lse_bits[row]) << "query " << i;
      for (int64_t c = 0; c < problem.head_dim_v; ++c) {
        ASSERT_EQ(alone.o_bits[i * problem.head_dim_v + c],
                  together.o_bits[row * problem.head_dim_v + c])
            << "query " << i << ", channel " << c;
      }
      if (problem.Full()) continue;
      ASSERT_EQ(alone.selection.Blocks(i, 0), together.selection.Blocks(i, head)) << "query " << i;
    }
  }
}

TEST_P(SameBits, OfAHeadAmongOthersAndByItself) {
  if (Case().problem.options.routing == MOBA_ROUTING_PER_GROUP) {
    GTEST_SKIP() << "heads of a group choose together";
  }
  GridCase grouped = Case();
  grouped.problem.heads = 40;
  ExpectSameBitsAlone(Engine(), WithData(grouped, {{1, 200}, {70, 110}, {3, 90}, {1, 20}}),
                      {0, 15, 16, 19, 20, 39});
}

// Where few heads share keys, the CPU reads rows from front to back.
TEST_P(SameBits, OfADecodingHeadAmongOthersAndByItself) {
  if (std::get<0>(GetParam()) == kCudaTarget) {
    GTEST_SKIP() << "on a GPU the bits of a head depend on the size of its group";
  }
  if (Case().problem.options.routing == MOBA_ROUTING_PER_GROUP) {
    GTEST_SKIP() << "heads of a group choose together";
  }
  GridCase decoding = Case();
  decoding.problem.kv_heads = 1;
  for (int64_t channels : {37, 64, 128, 200, 256}) {
    decoding.problem.head_dim = decoding.problem.head_dim_v = channels;
    for (int64_t group : {2, 4, 8}) {
      SCOPED_TRACE(std::to_string(channels) + " channels, groups of " + std::to_string(group));
      decoding.problem.heads = group;
      ExpectSameBitsAlone(Engine(), WithData(decoding, {{1, 300}, {1, 20}}), {0, group - 1});
    }
  }
}

// On one thread the CPU reads all heads that lie side by side together.
TEST_P(SameBits, OfADecodingHeadBesideOthersAndByItself) {
  const int32_t target = std::get<0>(GetParam());
  if (target == kCudaTarget) {
    GTEST_SKIP() << "on a GPU the bits of a head depend on the size of its group";
  }
  if (Case().problem.options.routing == MOBA_ROUTING_PER_GROUP) {
    GTEST_SKIP() << "heads of a group choose together";
  }
  GridCase decoding = Case();
  for (int64_t channels : {37, 96, 128}) {
    decoding.problem.head_dim = decoding.problem.head_dim_v = channels;
    for (const auto& [kv_heads, group] : {std::pair<int64_t, int64_t>{2, 1}, {3, 4}, {8, 1}}) {
      SCOPED_TRACE(std::to_string(channels) + " channels, " + std::to_string(kv_heads) +
                   " kv heads, groups of " + std::to_string(group));
      decoding.problem.heads = kv_heads * group;
      decoding.problem.kv_heads = kv_heads;
      // More than a part of keys, once.
      const int64_t keys = channels == 96 && kv_heads == 2 ? 2100 : 150;
      const Problem problem = WithData(decoding, {{1, keys}, {1, 20}, {1, 3}, {1, 1}});
      ExpectSameBitsAlone(SharedEngine(target, 1), problem, {0, problem.heads - 1});
    }
  }
}

TEST_P(SameBits, BatchedAndPacked) {
  const Problem problem = WithData(Case(), {{70, 110}, {70, 110}, {70, 110}});
  RunOptions batched;
  batched.batch_axis = true;
  ExpectSameBits(problem, Attend(Engine(), problem), Attend(Engine(), problem, batched));
}

void ExpectSameBitsOfAnyArrangement(const moba_engine* engine, const Problem& problem) {
  const Outcome contiguous = Attend(engine, problem);
  for (Arrangement arrangement : {Arrangement::kHeadMajor, Arrangement::kSlice,
                                  Arrangement::kTimeMajor, Arrangement::kReversed}) {
    for (bool batch_axis : {false, true}) {
      SCOPED_TRACE(ArrangementName(arrangement) + (batch_axis ? " batched" : " packed"));
      RunOptions run;
      run.arrangement = arrangement;
      run.batch_axis = batch_axis;
      ExpectSameBits(problem, contiguous, Attend(engine, problem, run));
    }
  }
}

TEST_P(SameBits, StridedAndContiguous) {
  ExpectSameBitsOfAnyArrangement(Engine(), WithData(Case(), {{60, 130}, {60, 130}}));
  GridCase decoding = Case();
  decoding.problem.kv_heads = 1;
  // The CPU reads rows of different widths in different ways.
  const bool on_cpu = std::get<0>(GetParam()) != kCudaTarget;
  const std::vector<int64_t> widths =
      on_cpu ? std::vector<int64_t>{37, 128, 200, 256} : std::vector<int64_t>{128};
  for (int64_t head_dim : widths) {
    for (int64_t heads : {1, 2, 4}) {
      SCOPED_TRACE(std::to_string(heads) + " heads, D = " + std::to_string(head_dim));
      decoding.problem.head_dim = decoding.problem.head_dim_v = head_dim;
      decoding.problem.heads = heads;
      ExpectSameBitsOfAnyArrangement(Engine(), WithData(decoding, {{1, 300}, {1, 300}}));
    }
  }
  decoding.problem.kv_heads = decoding.problem.heads = 4;
  decoding.problem.head_dim = decoding.problem.head_dim_v = 48;
  const moba_engine* engine = on_cpu ? SharedEngine(std::get<0>(GetParam()), 1) : Engine();
  ExpectSameBitsOfAnyArrangement(engine, WithData(decoding, std::vector<Lengths>(4, {1, 50})));
}

TEST_P(SameBits, WhateverTheWorkspaceHeld) {
  const Problem problem = WithData(Case(), {{130, 130}, {9, 50}});
  RunOptions zeros;
  zeros.workspace_fill = 0;
  RunOptions ones;
  ones.workspace_fill = 0x3f;
  const Outcome poison = Attend(Engine(), problem);
  ExpectSameBits(problem, poison, Attend(Engine(), problem, zeros));
  ExpectSameBits(problem, poison, Attend(Engine(), problem, ones));
}

TEST_P(SameBits, InPlanWithLargerMaxima) {
  const Problem problem = WithData(Case(), {{130, 130}, {9, 50}});
  RunOptions spare;
  spare.spare = 1000;
  ExpectSameBits(problem, Attend(Engine(), problem), Attend(Engine(), problem, spare));
}

TEST_P(SameBits, WithAndWithoutOptionalOutputs) {
  const Problem problem = WithData(Case(), {{130, 130}, {9, 50}});
  RunOptions only_o;
  only_o.with_lse = false;
  only_o.with_selected = false;
  EXPECT_EQ(Attend(Engine(), problem).o_bits, Attend(Engine(), problem, only_o).o_bits);
}

TEST_P(SameBits, WithExportedAndImportedSelection) {
  if (Case().problem.Full()) GTEST_SKIP() << "full attention exports no selection";
  const Problem problem = WithData(Case(), {{170, 170}, {9, 150}, {40, 17}});
  const Outcome attended = Attend(Engine(), problem);
  const Outcome imported = AttendSelected(Engine(), problem, attended.selection);
  EXPECT_TRUE(RowBits(problem, attended) == RowBits(problem, imported));
}

TEST_P(SameBits, OfSaturatedTopKAndFullAttention) {
  if (Case().problem.Full()) GTEST_SKIP() << "compared with itself";
  Problem problem = WithData(Case(), {{100, 100}, {9, 120}, {40, 17}});
  problem.options.top_k = problem.MostBlocks();
  const Outcome saturated = Attend(Engine(), problem);
  ExpectRightSelection(problem, saturated.selection);
  problem.options.top_k += 5;
  const Outcome beyond = Attend(Engine(), problem);
  ExpectSameBits(problem, saturated, beyond);
  const int32_t causal = problem.options.causal;
  problem.options = FullAttention();
  problem.options.causal = causal;
  const Outcome full = Attend(Engine(), problem);
  ExpectRightAttention(problem, nullptr, saturated);
  EXPECT_TRUE(RowBits(problem, full) == RowBits(problem, saturated));
}

MOBA_INSTANTIATE_GRID(, SameBits, Cases());

// A query sees the same keys whether it comes in one call or in chunks; so the same selection, and
// values within rounding.
class Chunked : public TargetTest {};

TEST_P(Chunked, PrefillEqualsWholePrefill) {
  Problem whole;
  whole.heads = 2;
  whole.head_dim = whole.head_dim_v = 32;
  whole.sequences = {{150, 150}};
  whole.options = BlockSparse(16, 3);
  Randomize(&whole, 3);
  const Outcome expected = Attend(Engine(), whole);
  int64_t done = 0;
  for (int64_t chunk : {40, 1, 64, 45}) {
    Problem part = whole;
    const int64_t q_row = whole.heads * whole.head_dim;
    const int64_t k_row = whole.kv_heads * whole.head_dim;
    part.sequences = {{chunk, done + chunk}};
    part.q.assign(whole.q.begin() + done * q_row, whole.q.begin() + (done + chunk) * q_row);
    part.k.resize((done + chunk) * k_row);
    part.v.resize((done + chunk) * k_row);
    const Outcome outcome = Attend(Engine(), part);
    ExpectRightSelection(part, outcome.selection);
    ExpectRightAttention(part, &outcome.selection, outcome);
    for (int64_t i = 0; i < chunk; ++i) {
      for (int64_t h = 0; h < whole.heads; ++h) {
        EXPECT_EQ(outcome.selection.Blocks(i, h), expected.selection.Blocks(done + i, h));
      }
    }
    done += chunk;
  }
  ASSERT_EQ(done, whole.TokensQ());
  ExpectRightSelection(whole, expected.selection);
}

MOBA_INSTANTIATE_TARGETS(Chunked);

}  // namespace
}  // namespace moba_test
