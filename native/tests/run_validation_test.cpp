// Every bad argument of the run functions is answered with MOBA_INVALID_ARGUMENT and a sentence
// that names it; outputs stay untouched.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "bad_argument.h"
#include "numerics.h"

namespace moba_test {
namespace {

// H = 4, G = 2, D = 8, Dv = 6; 25 queries and 50 keys in two sequences; 4 and 3 blocks of 8.
Problem Packed() {
  Problem problem;
  problem.heads = 4;
  problem.kv_heads = 2;
  problem.head_dim = 8;
  problem.head_dim_v = 6;
  problem.sequences = {{20, 28}, {5, 22}};
  problem.options = BlockSparse(8, 3);
  Randomize(&problem, 20);
  return problem;
}

Problem Batched() {
  Problem problem = Packed();
  problem.sequences = {{7, 20}, {7, 20}, {7, 20}};
  Randomize(&problem, 21);
  return problem;
}

// A valid call with its plan, for a table row to spoil.
struct RunRequest {
  RunRequest(const Problem& problem, Operation operation, const RunOptions& options)
      : imported(Router(problem).Select()),
        call(problem, operation, options,
             operation == Operation::kAttendSelected ? &imported : nullptr),
        owned_plan(AnyEngine(), call.config),
        plan(owned_plan.get()),
        shapes(&call.shapes) {
    call.MakeWorkspace(owned_plan);
  }

  int32_t Execute() { return call.Run(plan, shapes); }

  // Overwrites one row of the imported selection.
  void SetRow(int64_t token, int64_t head, std::vector<int32_t> blocks) {
    blocks.resize(imported.width, -1);
    std::copy(blocks.begin(), blocks.end(), imported.Row(token, head));
    call.selected_memory->Fill({imported.blocks.begin(), imported.blocks.end()});
  }

  Selection imported;
  Call call;
  OwnedPlan owned_plan;
  const moba_plan* plan;
  const moba_run_shapes* shapes;
  struct {
    moba_run_shapes shapes;
    int64_t tail;
  } longer_shapes = {};
};

using BadRun = Bad<RunRequest>;

std::vector<BadRun> EveryOperation() {
  return {
      {"NullPlan", [](RunRequest& r) { r.plan = nullptr; }, "plan", kNull},
      {"NullShapes", [](RunRequest& r) { r.shapes = nullptr; }, "shapes", kNull},
      {"ZeroStructSize", [](RunRequest& r) { r.call.shapes.struct_size = 0; }, "shapes.struct_size",
       "0"},
      {"NegativeStructSize", [](RunRequest& r) { r.call.shapes.struct_size = -8; },
       "shapes.struct_size", "-8"},
      {"UnknownTail",
       [](RunRequest& r) {
         r.longer_shapes.shapes = r.call.shapes;
         r.longer_shapes.shapes.struct_size = sizeof r.longer_shapes;
         r.longer_shapes.tail = 1;
         r.shapes = &r.longer_shapes.shapes;
       },
       "shapes.*", ""},
      {"ZeroTensorStructSize", [](RunRequest& r) { r.call.shapes.q.struct_size = 0; },
       "q.struct_size", "0"},
      {"NullQ", [](RunRequest& r) { r.call.q = nullptr; }, "q", kNull},
      {"NullK", [](RunRequest& r) { r.call.k = nullptr; }, "k", kNull},
      {"MisalignedQ", [](RunRequest& r) { r.call.q = Add(r.call.q, 1); }, "q", ""},
      {"MisalignedKOffset", [](RunRequest& r) { r.call.shapes.k.byte_offset = 2; }, "k", ""},
      {"AbsentQ", [](RunRequest& r) { r.call.shapes.q = AbsentTensor(); }, "q(\\.ndim)?", ""},
      {"AbsentK", [](RunRequest& r) { r.call.shapes.k = AbsentTensor(); }, "k(\\.ndim)?", ""},
      {"QOfOtherDtype", [](RunRequest& r) { r.call.shapes.q.dtype = MOBA_F16; }, "q.*",
       "F16|MOBA_F16|2"},
      {"KOfIntegers", [](RunRequest& r) { r.call.shapes.k.dtype = MOBA_I32; }, "k.*",
       "I32|MOBA_I32|4"},
      {"KOfUnknownDtype", [](RunRequest& r) { r.call.shapes.k.dtype = 77; }, "k.*", "77"},
      {"QOfTwoAxes", [](RunRequest& r) { r.call.shapes.q.ndim = 2; }, "q.*", "2"},
      {"QOfFiveAxes", [](RunRequest& r) { r.call.shapes.q.ndim = 5; }, "q.*", "5"},
      {"QOfNegativeAxes", [](RunRequest& r) { r.call.shapes.q.ndim = -1; }, "q.*", "-1"},
      {"KWithBatchAxisAndQWithout",
       [](RunRequest& r) {
         r.call.shapes.k = DescribeTensor(MOBA_F32, {1, 50, 2, 8});
       },
       "k.*", "4"},
      {"QHeads", [](RunRequest& r) { r.call.shapes.q.shape[1] = 3; }, "q.*", "3"},
      {"KHeads", [](RunRequest& r) { r.call.shapes.k.shape[1] = 1; }, "k.*", "1"},
      {"QHeadDim", [](RunRequest& r) { r.call.shapes.q.shape[2] = 7; }, "q.*", "7"},
      {"KHeadDim", [](RunRequest& r) { r.call.shapes.k.shape[2] = 7; }, "k.*", "7"},
      {"NegativeTokens", [](RunRequest& r) { r.call.shapes.q.shape[0] = -1; }, "q.*", "-1"},
      {"TooManyQueries", [](RunRequest& r) { r.call.shapes.q.shape[0] = 26; }, "q.*", "26"},
      {"TooManyKeys", [](RunRequest& r) { r.call.shapes.k.shape[0] = 51; }, "k.*", "51"},
      {"HugeTokens", [](RunRequest& r) { r.call.shapes.k.shape[0] = kHuge; }, "k.*",
       std::to_string(kHuge)},
      {"HugeStride", [](RunRequest& r) { r.call.shapes.k.stride[0] = kHuge; }, "k.*", ""},
      {"HugeNegativeStride", [](RunRequest& r) { r.call.shapes.q.stride[0] = -kHuge; }, "q.*", ""},
      {"HugeByteOffset", [](RunRequest& r) { r.call.shapes.q.byte_offset = kHuge + 4; }, "q.*", ""},
      {"ChannelStride", [](RunRequest& r) { r.call.shapes.q.stride[2] = 2; }, "q.*", "2"},
      {"KChannelStrideZero", [](RunRequest& r) { r.call.shapes.k.stride[2] = 0; }, "k.*", "0"},
      {"QOnOtherDevice", [](RunRequest& r) { r.call.shapes.q.device_type = MOBA_DEVICE_CUDA; },
       "q.*", "2|CUDA|MOBA_DEVICE_CUDA"},
      {"KOnOtherOrdinal", [](RunRequest& r) { r.call.shapes.k.device_id = 1; }, "k.*", "1"},
      {"NullWorkspace", [](RunRequest& r) { r.call.workspace = nullptr; }, "workspace", kNull},
      {"MisalignedWorkspace", [](RunRequest& r) { r.call.workspace = Add(r.call.workspace, 16); },
       "workspace", ""},
      {"SmallWorkspace", [](RunRequest& r) { --r.call.workspace_bytes; }, "workspace_bytes",
       "[0-9]+"},
      {"NegativeWorkspace", [](RunRequest& r) { r.call.workspace_bytes = -1; }, "workspace_bytes",
       "-1"},
      {"StreamOnCpu", [](RunRequest& r) { r.call.stream = &r; }, "stream", ""},
      {"NullLengthsQ", [](RunRequest& r) { r.call.cu_seqlens_q = nullptr; }, "cu_seqlens_q", kNull},
      {"NullLengthsK", [](RunRequest& r) { r.call.cu_seqlens_k = nullptr; }, "cu_seqlens_k", kNull},
      {"MisalignedLengths",
       [](RunRequest& r) { r.call.cu_seqlens_k = Add(r.call.cu_seqlens_k, 1); }, "cu_seqlens_k",
       ""},
      {"LengthsOfFloats", [](RunRequest& r) { r.call.shapes.cu_seqlens_q.dtype = MOBA_F32; },
       "cu_seqlens_q.*", "F32|MOBA_F32|1"},
      {"LengthsOfTwoAxes",
       [](RunRequest& r) {
         r.call.shapes.cu_seqlens_q = DescribeTensor(MOBA_I32, {3, 1});
       },
       "cu_seqlens_q.*", "2"},
      {"LengthsWithoutEntries", [](RunRequest& r) { r.call.shapes.cu_seqlens_q.shape[0] = 0; },
       "cu_seqlens_q.*", "0"},
      {"LengthsWithStride", [](RunRequest& r) { r.call.shapes.cu_seqlens_q.stride[0] = 0; },
       "cu_seqlens_q.*", "0"},
      {"LengthsOfDifferentCounts", [](RunRequest& r) { r.call.shapes.cu_seqlens_k.shape[0] = 2; },
       "cu_seqlens_[qk].*", "2"},
      {"LengthsOfQueriesOnly", [](RunRequest& r) { r.call.shapes.cu_seqlens_k = AbsentTensor(); },
       "cu_seqlens_[qk].*", ""},
      {"LengthsOfKeysOnly", [](RunRequest& r) { r.call.shapes.cu_seqlens_q = AbsentTensor(); },
       "cu_seqlens_[qk].*", ""},
      {"LengthsNotFromZero",
       [](RunRequest& r) {
         r.call.cu_q_memory->Fill({1, 20, 25});
       },
       "cu_seqlens_q\\[0\\]", "1"},
      {"NegativeLengths",
       [](RunRequest& r) {
         r.call.cu_k_memory->Fill({0, -4, 50});
       },
       "cu_seqlens_k\\[1\\]", "-4"},
      {"DescendingLengths",
       [](RunRequest& r) {
         r.call.cu_k_memory->Fill({0, 60, 50});
       },
       "cu_seqlens_k\\[[12]\\]", "60|50"},
      {"LengthsBelowTotal",
       [](RunRequest& r) {
         r.call.cu_q_memory->Fill({0, 20, 24});
       },
       "cu_seqlens_q\\[2\\]", "24"},
      {"LengthsBeyondTotal",
       [](RunRequest& r) {
         r.call.cu_q_memory->Fill({0, 20, 26});
       },
       "cu_seqlens_q\\[2\\]", "26"},
  };
}

std::vector<BadRun> WithValues() {
  return {
      {"NullV", [](RunRequest& r) { r.call.v = nullptr; }, "v", kNull},
      {"NullO", [](RunRequest& r) { r.call.o = nullptr; }, "o", kNull},
      {"NullLse", [](RunRequest& r) { r.call.lse = nullptr; }, "lse", kNull},
      {"AbsentV", [](RunRequest& r) { r.call.shapes.v = AbsentTensor(); }, "v(\\.ndim)?", ""},
      {"AbsentO", [](RunRequest& r) { r.call.shapes.o = AbsentTensor(); }, "o(\\.ndim)?", ""},
      {"MisalignedV", [](RunRequest& r) { r.call.v = Add(r.call.v, 3); }, "v", ""},
      {"MisalignedO", [](RunRequest& r) { r.call.o = Add(r.call.o, -2); }, "o", ""},
      {"MisalignedLse", [](RunRequest& r) { r.call.lse = Add(r.call.lse, -1); }, "lse", ""},
      {"VOfOtherDtype", [](RunRequest& r) { r.call.shapes.v.dtype = MOBA_BF16; }, "v.*",
       "BF16|MOBA_BF16|3"},
      {"OOfOtherDtype", [](RunRequest& r) { r.call.shapes.o.dtype = MOBA_BF16; }, "o.*",
       "BF16|MOBA_BF16|3"},
      {"LseOfOtherDtype", [](RunRequest& r) { r.call.shapes.lse.dtype = MOBA_F16; }, "lse.*",
       "F16|MOBA_F16|2"},
      {"VTokens", [](RunRequest& r) { r.call.shapes.v.shape[0] = 49; }, "v.*", "49"},
      {"VHeads", [](RunRequest& r) { r.call.shapes.v.shape[1] = 4; }, "v.*", "4"},
      {"VHeadDim", [](RunRequest& r) { r.call.shapes.v.shape[2] = 8; }, "v.*", "8"},
      {"OTokens", [](RunRequest& r) { r.call.shapes.o.shape[0] = 24; }, "o.*", "24"},
      {"OHeads", [](RunRequest& r) { r.call.shapes.o.shape[1] = 2; }, "o.*", "2"},
      {"OHeadDim", [](RunRequest& r) { r.call.shapes.o.shape[2] = 5; }, "o.*", "5"},
      {"LseTokens", [](RunRequest& r) { r.call.shapes.lse.shape[0] = 24; }, "lse.*", "24"},
      {"LseHeads", [](RunRequest& r) { r.call.shapes.lse.shape[1] = 2; }, "lse.*", "2"},
      {"LseOfThreeAxes",
       [](RunRequest& r) {
         r.call.shapes.lse = DescribeTensor(MOBA_F32, {1, 25, 4});
       },
       "lse.*", "3"},
      {"OChannelStride", [](RunRequest& r) { r.call.shapes.o.stride[2] = 2; }, "o.*", "2"},
      {"OTokensShareMemory", [](RunRequest& r) { r.call.shapes.o.stride[0] = 0; }, "o.*", ""},
      {"OHeadsOverlap", [](RunRequest& r) { r.call.shapes.o.stride[1] = 5; }, "o.*", ""},
      {"OTokensOverlap", [](RunRequest& r) { r.call.shapes.o.stride[0] = 23; }, "o.*", ""},
      {"LseTokensOverlap", [](RunRequest& r) { r.call.shapes.lse.stride[0] = 3; }, "lse.*", ""},
      {"OInsideQ", [](RunRequest& r) { r.call.o = const_cast<void*>(r.call.q); }, "o.*", ""},
      {"OInsideK", [](RunRequest& r) { r.call.o = Add(r.call.k, 64); }, "o.*", ""},
      {"OAtEndOfV", [](RunRequest& r) { r.call.o = Add(r.call.v, (50 * 12 - 1) * 4); }, "o.*", ""},
      {"LseInsideO", [](RunRequest& r) { r.call.lse = Add(r.call.o, 400); }, "(o|lse).*", ""},
      {"LseInsideV", [](RunRequest& r) { r.call.lse = const_cast<void*>(r.call.v); }, "lse.*", ""},
      {"LseIsLengths",
       [](RunRequest& r) {
         static int32_t both[100];
         std::copy_n(std::array{0, 20, 25}.data(), 3, both);
         r.call.cu_seqlens_q = r.call.lse = both;
       },
       "lse.*", ""},
      {"OInsideWorkspace", [](RunRequest& r) { r.call.o = r.call.workspace; }, "o|workspace", ""},
      {"QInsideWorkspace", [](RunRequest& r) { r.call.q = r.call.workspace; }, "q|workspace", ""},
      {"NegativeByteOffset", [](RunRequest& r) { r.call.shapes.o.byte_offset = -4; }, "o.*", "-4"},
  };
}

std::vector<BadRun> WithExportedSelection() {
  return {
      {"SelectedWidth", [](RunRequest& r) { r.call.shapes.selected.shape[2] = 2; }, "selected.*",
       "2"},
      {"SelectedTooWide",
       [](RunRequest& r) {
         r.call.shapes.selected = DescribeTensor(MOBA_I32, {25, 4, 4});
       },
       "selected.*", "4"},
      {"SelectedHeads", [](RunRequest& r) { r.call.shapes.selected.shape[1] = 2; }, "selected.*",
       "2"},
      {"SelectedTokens", [](RunRequest& r) { r.call.shapes.selected.shape[0] = 20; }, "selected.*",
       "20"},
      {"SelectedOfOtherDtype", [](RunRequest& r) { r.call.shapes.selected.dtype = MOBA_I64; },
       "selected.*", "I64|MOBA_I64|5"},
      {"NullSelected", [](RunRequest& r) { r.call.selected = nullptr; }, "selected", kNull},
      {"MisalignedSelected", [](RunRequest& r) { r.call.selected = Add(r.call.selected, -2); },
       "selected", ""},
      {"SelectedRowsOverlap", [](RunRequest& r) { r.call.shapes.selected.stride[1] = 2; },
       "selected.*", ""},
      {"SelectedInsideQ", [](RunRequest& r) { r.call.selected = const_cast<void*>(r.call.q); },
       "selected.*", ""},
  };
}

// The imported selection: sequences of 4 and 3 blocks. Token 10 of sequence 0 has position 18 and
// own block 2; token 22 is query 2 of sequence 1, position 19, own block 2.
std::vector<BadRun> WithImportedSelection() {
  return {
      {"AbsentSelected", [](RunRequest& r) { r.call.shapes.selected = AbsentTensor(); },
       "selected(\\.ndim)?", ""},
      {"NullSelected", [](RunRequest& r) { r.call.selected = nullptr; }, "selected", kNull},
      {"SelectedOfOtherDtype", [](RunRequest& r) { r.call.shapes.selected.dtype = MOBA_I64; },
       "selected.*", "I64|MOBA_I64|5"},
      {"SelectedWiderThanPlan", [](RunRequest& r) { r.call.shapes.selected.shape[2] = 4; },
       "selected.*", "4"},
      {"SelectedWithoutWidth", [](RunRequest& r) { r.call.shapes.selected.shape[2] = 0; },
       "selected.*", "0"},
      {"SelectedHeads", [](RunRequest& r) { r.call.shapes.selected.shape[1] = 3; }, "selected.*",
       "3"},
      {"SelectedTokens", [](RunRequest& r) { r.call.shapes.selected.shape[0] = 24; }, "selected.*",
       "24"},
      {"BlocksDescend",
       [](RunRequest& r) {
         r.SetRow(10, 1, {2, 1});
       },
       "selected.*", "1"},
      {"BlocksRepeat",
       [](RunRequest& r) {
         r.SetRow(10, 1, {1, 1});
       },
       "selected.*", "1"},
      {"BlockAfterOwn",
       [](RunRequest& r) {
         r.SetRow(10, 1, {0, 3});
       },
       "selected.*", "3"},
      {"BlockOutOfRange",
       [](RunRequest& r) {
         r.SetRow(24, 3, {0, 1, 3});
       },
       "selected.*", "3"},
      {"BlockFarOutOfRange", [](RunRequest& r) { r.SetRow(22, 0, {0x7fffffff}); }, "selected.*",
       "2147483647"},
      {"NegativeBlock", [](RunRequest& r) { r.SetRow(10, 0, {-2}); }, "selected.*", "-2"},
      {"BlockAfterPadding",
       [](RunRequest& r) {
         r.SetRow(10, 2, {0, -1, 2});
       },
       "selected.*", "2"},
      {"OInsideSelected", [](RunRequest& r) { r.call.o = r.call.selected; }, "o.*", ""},
  };
}

class BadRunTest : public testing::TestWithParam<BadRun> {
 protected:
  void ExpectRefused(Operation operation) const {
    RunRequest run(Packed(), operation, {});
    GetParam().spoil(run);
    EXPECT_EQ(run.Execute(), MOBA_INVALID_ARGUMENT);
    ExpectSentence(moba_last_error(), GetParam().argument, GetParam().value);
    EXPECT_TRUE(run.call.OutputsUntouched());
    EXPECT_TRUE(run.call.InputsUnchanged());
  }
};

class RefusedByEveryRun : public BadRunTest {};
class RefusedWithValues : public BadRunTest {};
class RefusedWithExportedSelection : public BadRunTest {};
class RefusedWithImportedSelection : public BadRunTest {};

TEST_P(RefusedByEveryRun, Route) { ExpectRefused(Operation::kRoute); }
TEST_P(RefusedByEveryRun, Attend) { ExpectRefused(Operation::kAttend); }
TEST_P(RefusedByEveryRun, AttendSelected) { ExpectRefused(Operation::kAttendSelected); }
TEST_P(RefusedWithValues, Attend) { ExpectRefused(Operation::kAttend); }
TEST_P(RefusedWithValues, AttendSelected) { ExpectRefused(Operation::kAttendSelected); }
TEST_P(RefusedWithExportedSelection, Route) { ExpectRefused(Operation::kRoute); }
TEST_P(RefusedWithExportedSelection, Attend) { ExpectRefused(Operation::kAttend); }
TEST_P(RefusedWithImportedSelection, AttendSelected) { ExpectRefused(Operation::kAttendSelected); }

INSTANTIATE_TEST_SUITE_P(, RefusedByEveryRun, testing::ValuesIn(EveryOperation()),
                         BadName<RunRequest>);
INSTANTIATE_TEST_SUITE_P(, RefusedWithValues, testing::ValuesIn(WithValues()), BadName<RunRequest>);
INSTANTIATE_TEST_SUITE_P(, RefusedWithExportedSelection, testing::ValuesIn(WithExportedSelection()),
                         BadName<RunRequest>);
INSTANTIATE_TEST_SUITE_P(, RefusedWithImportedSelection, testing::ValuesIn(WithImportedSelection()),
                         BadName<RunRequest>);

TEST(Validation, UnspoiledRunsAreAccepted) {
  for (Operation operation : {Operation::kRoute, Operation::kAttend, Operation::kAttendSelected}) {
    RunRequest run(Packed(), operation, {});
    EXPECT_EQ(run.Execute(), MOBA_OK) << moba_last_error();
    EXPECT_TRUE(run.call.OutputsComplete());
  }
}

TEST(Validation, BatchAxesMustAgree) {
  RunOptions batched;
  batched.batch_axis = true;
  const std::vector<Bad<RunRequest>> table = {
      {"k", [](RunRequest& r) { r.call.shapes.k.shape[0] = 2; }, "[kv].*", "2"},
      {"v", [](RunRequest& r) { r.call.shapes.v.shape[0] = 2; }, "v.*", "2"},
      {"o", [](RunRequest& r) { r.call.shapes.o.shape[0] = 2; }, "o.*", "2"},
      {"lse", [](RunRequest& r) { r.call.shapes.lse.shape[0] = 1; }, "lse.*", "1"},
      {"selected", [](RunRequest& r) { r.call.shapes.selected.shape[0] = 4; }, "selected.*", "4"},
      {"product of batch and tokens",
       [](RunRequest& r) {
         moba_tensor& q = r.call.shapes.q;
         q.shape[0] = q.shape[1] = int64_t{1} << 40;
         q.stride[0] = q.stride[1] = 0;
       },
       "q.*", ""},
      {"too many sequences",
       [](RunRequest& r) {
         for (moba_tensor* tensor :
              {&r.call.shapes.q, &r.call.shapes.k, &r.call.shapes.v, &r.call.shapes.o,
               &r.call.shapes.lse, &r.call.shapes.selected}) {
           tensor->shape[0] = 4;
         }
       },
       "(q|sequences).*", "4|28"},
      {"lengths beside a batch axis",
       [](RunRequest& r) {
         r.call.shapes.cu_seqlens_q = DescribeTensor(MOBA_I32, {4});
         static const int32_t lengths[4] = {0, 7, 14, 21};
         r.call.cu_seqlens_q = lengths;
       },
       "cu_seqlens_q.*", ""},
  };
  for (const Bad<RunRequest>& bad : table) {
    SCOPED_TRACE(bad.name);
    RunRequest run(Batched(), Operation::kAttend, batched);
    bad.spoil(run);
    EXPECT_EQ(run.Execute(), MOBA_INVALID_ARGUMENT);
    ExpectSentence(moba_last_error(), bad.argument, bad.value);
    EXPECT_TRUE(run.call.OutputsUntouched());
  }
}

TEST(Validation, TooManySequencesAreRefused) {
  Problem problem = Packed();
  Call call(problem, Operation::kAttend, {});
  call.config.max_sequences = 1;
  const OwnedPlan plan(AnyEngine(), call.config);
  call.MakeWorkspace(plan);
  EXPECT_EQ(call.Run(plan.get()), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "cu_seqlens_q.*|sequences", "2|3");
  EXPECT_TRUE(call.OutputsUntouched());
}

TEST(Validation, PlanWithoutTopKOnlyAttendsToGivenSelections) {
  for (Operation operation : {Operation::kRoute, Operation::kAttend}) {
    Call call(Packed(), operation, {});
    call.config.options.top_k = 0;
    call.config.max_selected = 3;
    const OwnedPlan plan(AnyEngine(), call.config);
    call.MakeWorkspace(plan);
    EXPECT_EQ(call.Run(plan.get()), MOBA_INVALID_ARGUMENT);
    ExpectSentence(moba_last_error(), ".*top_k", "0");
    EXPECT_TRUE(call.OutputsUntouched());
  }
}

TEST(Validation, FullAttentionHasNoSelection) {
  for (Operation operation : {Operation::kRoute, Operation::kAttend, Operation::kAttendSelected}) {
    const Problem problem = Packed();
    const Selection imported = Router(problem).Select();
    Call call(problem, operation, {},
              operation == Operation::kAttendSelected ? &imported : nullptr);
    call.config.options = FullAttention();
    call.config.max_selected = 0;
    const OwnedPlan plan(AnyEngine(), call.config);
    call.MakeWorkspace(plan);
    EXPECT_EQ(call.Run(plan.get()), MOBA_INVALID_ARGUMENT);
    EXPECT_NE(std::string(moba_last_error()), "");
    EXPECT_TRUE(call.OutputsUntouched());
  }
}

TEST(Validation, PlanWithoutMaxSelectedTakesNoSelection) {
  const Problem problem = Packed();
  const Selection imported = Router(problem).Select();
  Call call(problem, Operation::kAttendSelected, {}, &imported);
  call.config.max_selected = 0;
  const OwnedPlan plan(AnyEngine(), call.config);
  call.MakeWorkspace(plan);
  EXPECT_EQ(call.Run(plan.get()), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "selected.*", "3");
  EXPECT_TRUE(call.OutputsUntouched());
}

TEST(Validation, QueryWithoutVisibleKeySelectsNoBlock) {
  // Query 0 of 10 comes before the first of 8 keys.
  Problem problem;
  problem.sequences = {{10, 8}};
  problem.options = BlockSparse(4, 2);
  Randomize(&problem, 22);
  Selection imported = Router(problem).Select();
  imported.Row(0, 0)[0] = 0;
  Call call(problem, Operation::kAttendSelected, {}, &imported);
  const OwnedPlan plan(AnyEngine(), call.config);
  call.MakeWorkspace(plan);
  EXPECT_EQ(call.Run(plan.get()), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "selected.*", "0");
}

TEST(Validation, InterleavedViewsOfOneBufferAreLegal) {
  // q and o as halves of one [T, 2, H, D] buffer: neither overlaps the other.
  Problem problem = Packed();
  problem.head_dim_v = problem.head_dim;
  Randomize(&problem, 23);
  const Outcome expected = Attend(AnyEngine(), problem);
  const int64_t row = problem.heads * problem.head_dim;
  std::vector<float> both(problem.TokensQ() * 2 * row, -77.0f);
  for (int64_t token = 0; token < problem.TokensQ(); ++token) {
    for (int64_t i = 0; i < row; ++i) {
      both[token * 2 * row + i] = static_cast<float>(problem.q[token * row + i]);
    }
  }
  Call call(problem, Operation::kAttend, {});
  call.shapes.q.stride[0] = call.shapes.o.stride[0] = 2 * row;
  call.q = both.data();
  call.o = both.data() + row;
  const OwnedPlan plan(AnyEngine(), call.config);
  call.MakeWorkspace(plan);
  ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
  for (int64_t token = 0; token < problem.TokensQ(); ++token) {
    for (int64_t i = 0; i < row; ++i) {
      ASSERT_EQ(both[token * 2 * row + i], static_cast<float>(problem.q[token * row + i]));
      ASSERT_EQ(both[token * 2 * row + row + i], static_cast<float>(expected.o[token * row + i]));
    }
  }
}

TEST(Validation, NullPointersOfTensorsWithoutElementsAreLegal) {
  Problem problem = Packed();
  problem.sequences = {{0, 0}};
  Randomize(&problem, 24);
  Call call(problem, Operation::kAttend, {});
  call.q = call.k = call.v = nullptr;
  call.o = call.lse = call.selected = nullptr;
  const OwnedPlan plan(AnyEngine(), call.config);
  call.MakeWorkspace(plan);
  EXPECT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
}

TEST(Validation, SelectionWidthValidatesItsArguments) {
  Call call(Packed(), Operation::kRoute, {});
  const OwnedPlan plan(AnyEngine(), call.config);
  int64_t width = -7;
  const auto width_of = [&](const moba_plan* p, const moba_run_shapes* shapes, int64_t* out) {
    return moba_selection_width(p, shapes, call.cu_seqlens_q, call.cu_seqlens_k, out);
  };
  EXPECT_EQ(width_of(nullptr, &call.shapes, &width), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "plan", kNull);
  EXPECT_EQ(width_of(plan.get(), nullptr, &width), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "shapes", kNull);
  EXPECT_EQ(width_of(plan.get(), &call.shapes, nullptr), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "width", kNull);
  call.cu_k_memory->Fill({0, 60, 50});
  EXPECT_EQ(width_of(plan.get(), &call.shapes, &width), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "cu_seqlens_k\\[[12]\\]", "60|50");
  EXPECT_EQ(width, -7);
}

}  // namespace
}  // namespace moba_test
