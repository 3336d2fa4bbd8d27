// Every bad argument of moba_merge_states is answered with a sentence that names it; outputs stay
// untouched.
#include <gtest/gtest.h>

#include "bad_argument.h"
#include "tensor_memory.h"

namespace moba_test {
namespace {

struct MergeRequest {
  TensorMemory o_a{MOBA_F32, {5, 2, 4}};
  TensorMemory lse_a{MOBA_F32, {5, 2}};
  TensorMemory o_b{MOBA_F32, {5, 2, 4}};
  TensorMemory lse_b{MOBA_F32, {5, 2}};
  TensorMemory o{MOBA_F32, {5, 2, 4}};
  TensorMemory lse{MOBA_F32, {5, 2}};
  const moba_engine* engine = AnyEngine();
  moba_merge_shapes shapes = {
      sizeof(moba_merge_shapes), o_a.Describe(), lse_a.Describe(), o_b.Describe(),
      lse_b.Describe(),          o.Describe(),   lse.Describe()};
  const moba_merge_shapes* shapes_pointer = &shapes;
  void* o_a_data = o_a.origin();
  void* lse_a_data = lse_a.origin();
  void* o_b_data = o_b.origin();
  void* lse_b_data = lse_b.origin();
  void* o_data = o.origin();
  void* lse_data = lse.origin();
  void* stream = nullptr;

  int32_t Execute() {
    return moba_merge_states(engine, shapes_pointer, o_a_data, static_cast<float*>(lse_a_data),
                             o_b_data, static_cast<float*>(lse_b_data), o_data,
                             static_cast<float*>(lse_data), stream);
  }
};

using BadMerge = Bad<MergeRequest>;

std::vector<BadMerge> BadMerges() {
  return {
      {"NullEngine", [](MergeRequest& r) { r.engine = nullptr; }, "engine", kNull},
      {"NullShapes", [](MergeRequest& r) { r.shapes_pointer = nullptr; }, "shapes", kNull},
      {"StructSize", [](MergeRequest& r) { r.shapes.struct_size = 1; }, "shapes.struct_size", "1"},
      {"NullOA", [](MergeRequest& r) { r.o_a_data = nullptr; }, "o_a", kNull},
      {"NullLseA", [](MergeRequest& r) { r.lse_a_data = nullptr; }, "lse_a", kNull},
      {"NullOB", [](MergeRequest& r) { r.o_b_data = nullptr; }, "o_b", kNull},
      {"NullLseB", [](MergeRequest& r) { r.lse_b_data = nullptr; }, "lse_b", kNull},
      {"NullO", [](MergeRequest& r) { r.o_data = nullptr; }, "o", kNull},
      {"NullLse", [](MergeRequest& r) { r.lse_data = nullptr; }, "lse", kNull},
      {"AbsentLseA", [](MergeRequest& r) { r.shapes.lse_a = AbsentTensor(); }, "lse_a.*", ""},
      {"OtherDtype", [](MergeRequest& r) { r.shapes.o_b.dtype = MOBA_F16; }, "o_b.*",
       "F16|MOBA_F16|2"},
      {"IntegerDtype",
       [](MergeRequest& r) {
         r.shapes.o_a.dtype = r.shapes.o_b.dtype = r.shapes.o.dtype = MOBA_I32;
       },
       "o(_[ab])?.*", "I32|MOBA_I32|4"},
      {"LseDtype", [](MergeRequest& r) { r.shapes.lse_b.dtype = MOBA_F16; }, "lse_b.*",
       "F16|MOBA_F16|2"},
      {"Tokens", [](MergeRequest& r) { r.shapes.o_b.shape[0] = 4; }, "o_b.*", "4"},
      {"Heads", [](MergeRequest& r) { r.shapes.lse_b.shape[1] = 1; }, "lse_b.*", "1"},
      {"HeadDim", [](MergeRequest& r) { r.shapes.o.shape[2] = 3; }, "o.*", "3"},
      {"NegativeTokens", [](MergeRequest& r) { r.shapes.o_a.shape[0] = -5; }, "o_a.*", "-5"},
      {"ChannelStride", [](MergeRequest& r) { r.shapes.o_a.stride[2] = 2; }, "o_a.*", "2"},
      {"OutputOverlapsItself", [](MergeRequest& r) { r.shapes.o.stride[0] = 7; }, "o.*", ""},
      {"OIsOA", [](MergeRequest& r) { r.o_data = r.o_a_data; }, "o.*", ""},
      {"LseIsLseB", [](MergeRequest& r) { r.lse_data = r.lse_b_data; }, "lse.*", ""},
      {"LseInsideO", [](MergeRequest& r) { r.lse_data = r.o_data; }, "(lse|o).*", ""},
      {"Misaligned", [](MergeRequest& r) { r.o_b_data = Add(r.o_b_data, -1); }, "o_b", ""},
      {"StreamOnCpu", [](MergeRequest& r) { r.stream = &r; }, "stream", ""},
      {"OnOtherDevice", [](MergeRequest& r) { r.shapes.o_a.device_type = MOBA_DEVICE_CUDA; },
       "o_a.*", "2|CUDA|MOBA_DEVICE_CUDA"},
  };
}

class RefusedMerge : public testing::TestWithParam<BadMerge> {};

TEST_P(RefusedMerge, Run) {
  MergeRequest request;
  for (TensorMemory* o : {&request.o_a, &request.o_b}) o->Fill(std::vector<double>(40, 1.0));
  for (TensorMemory* lse : {&request.lse_a, &request.lse_b}) {
    lse->Fill(std::vector<double>(10, 1.0));
  }
  GetParam().spoil(request);
  EXPECT_EQ(request.Execute(), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), GetParam().argument, GetParam().value);
  EXPECT_TRUE(request.o.Unchanged() && request.lse.Unchanged());
  EXPECT_TRUE(request.o_a.Unchanged() && request.o_b.Unchanged());
}

INSTANTIATE_TEST_SUITE_P(, RefusedMerge, testing::ValuesIn(BadMerges()), BadName<MergeRequest>);

}  // namespace
}  // namespace moba_test
