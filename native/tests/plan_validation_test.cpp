// Every bad argument of moba_engine_create and moba_plan_create is answered with a sentence that
// names it, and no handle is made.
#include <gtest/gtest.h>

#include <limits>

#include "bad_argument.h"
#include "run.h"

namespace moba_test {
namespace {

moba_plan_config ValidConfig() {
  moba_plan_config config = {};
  config.struct_size = sizeof config;
  config.dtype = MOBA_F32;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 8;
  config.head_dim_v = 6;
  config.max_tokens_q = 25;
  config.max_tokens_k = 50;
  config.max_sequences = 2;
  config.options = BlockSparse(8, 3);
  return config;
}

struct PlanRequest {
  const moba_engine* engine;
  moba_plan_config config;
  const moba_plan_config* pointer;
  moba_plan** result;
  struct {
    moba_plan_config config;
    int64_t tail;
  } longer;
};

using BadPlan = Bad<PlanRequest>;

std::vector<BadPlan> BadPlans() {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {
      {"NullEngine", [](PlanRequest& r) { r.engine = nullptr; }, "engine", kNull},
      {"NullConfig", [](PlanRequest& r) { r.pointer = nullptr; }, "config", kNull},
      {"NullPlan", [](PlanRequest& r) { r.result = nullptr; }, "plan", kNull},
      {"StructSize", [](PlanRequest& r) { r.config.struct_size = 4; }, "config.struct_size", "4"},
      {"UnknownTail",
       [](PlanRequest& r) {
         r.longer.config = r.config;
         r.longer.config.struct_size = sizeof r.longer;
         r.longer.tail = 1;
         r.pointer = &r.longer.config;
       },
       "config.*", ""},
      {"NoDtype", [](PlanRequest& r) { r.config.dtype = 0; }, "config.dtype", "0"},
      {"IntegerDtype", [](PlanRequest& r) { r.config.dtype = MOBA_I32; }, "config.dtype",
       "4|I32|MOBA_I32"},
      {"Reserved", [](PlanRequest& r) { r.config.reserved = 6; }, "config.reserved", "6"},
      {"NoHeads", [](PlanRequest& r) { r.config.num_heads = 0; }, "config.num_heads", "0"},
      {"NegativeHeads", [](PlanRequest& r) { r.config.num_heads = -4; }, "config.num_heads", "-4"},
      {"HugeHeads", [](PlanRequest& r) { r.config.num_heads = r.config.num_kv_heads = kHuge; },
       "config.num(_kv)?_heads", std::to_string(kHuge)},
      {"NoKvHeads", [](PlanRequest& r) { r.config.num_kv_heads = 0; }, "config.num_kv_heads", "0"},
      {"HeadsNotDivisible", [](PlanRequest& r) { r.config.num_kv_heads = 3; },
       "config.num_(kv_)?heads", "3"},
      {"MoreKvHeadsThanHeads", [](PlanRequest& r) { r.config.num_kv_heads = 8; },
       "config.num_(kv_)?heads", "8"},
      {"NoHeadDim", [](PlanRequest& r) { r.config.head_dim = 0; }, "config.head_dim", "0"},
      {"LargeHeadDim", [](PlanRequest& r) { r.config.head_dim = 1025; }, "config.head_dim", "1025"},
      {"NegativeHeadDimV", [](PlanRequest& r) { r.config.head_dim_v = -1; }, "config.head_dim_v",
       "-1"},
      {"LargeHeadDimV", [](PlanRequest& r) { r.config.head_dim_v = 1025; }, "config.head_dim_v",
       "1025"},
      {"NegativeTokensQ", [](PlanRequest& r) { r.config.max_tokens_q = -1; }, "config.max_tokens_q",
       "-1"},
      {"NegativeTokensK", [](PlanRequest& r) { r.config.max_tokens_k = -1; }, "config.max_tokens_k",
       "-1"},
      {"HugeTokens", [](PlanRequest& r) { r.config.max_tokens_k = kHuge; }, "config.max_tokens_k",
       std::to_string(kHuge)},
      {"NoSequences", [](PlanRequest& r) { r.config.max_sequences = 0; }, "config.max_sequences",
       "0"},
      {"HugeSequences", [](PlanRequest& r) { r.config.max_sequences = kHuge; },
       "config.max_sequences", std::to_string(kHuge)},
      {"NegativeMaxSelected", [](PlanRequest& r) { r.config.max_selected = -1; },
       "config.max_selected", "-1"},
      {"HugeMaxSelected", [](PlanRequest& r) { r.config.max_selected = kHuge; },
       "config.max_selected", std::to_string(kHuge)},
      {"OptionsStructSize", [](PlanRequest& r) { r.config.options.struct_size = 0; },
       "(config.)?options.struct_size", "0"},
      {"UnknownAttention", [](PlanRequest& r) { r.config.options.attention = 7; },
       "(config.)?options.attention", "7"},
      {"CausalTwo", [](PlanRequest& r) { r.config.options.causal = 2; }, "(config.)?options.causal",
       "2"},
      {"UnknownRouting", [](PlanRequest& r) { r.config.options.routing = -9; },
       "(config.)?options.routing", "-9"},
      {"OptionsReserved", [](PlanRequest& r) { r.config.options.reserved = 5; },
       "(config.)?options.reserved", "5"},
      {"NoBlockSize", [](PlanRequest& r) { r.config.options.block_size = 0; },
       "(config.)?options.block_size", "0"},
      {"NegativeBlockSize", [](PlanRequest& r) { r.config.options.block_size = -8; },
       "(config.)?options.block_size", "-8"},
      {"NegativeTopK", [](PlanRequest& r) { r.config.options.top_k = -1; },
       "(config.)?options.top_k", "-1"},
      {"NegativeSinks", [](PlanRequest& r) { r.config.options.sink_blocks = -1; },
       "(config.)?options.sink_blocks", "-1"},
      {"NoLocal", [](PlanRequest& r) { r.config.options.local_blocks = 0; },
       "(config.)?options.local_blocks", "0"},
      {"SinksAndLocalBeyondTopK", [](PlanRequest& r) { r.config.options.sink_blocks = 3; },
       ".*(sink_blocks|top_k).*", "3|4"},
      {"SinksAndLocalOverflow",
       [](PlanRequest& r) {
         r.config.options.sink_blocks = std::numeric_limits<int64_t>::max();
         r.config.options.local_blocks = std::numeric_limits<int64_t>::max();
       },
       ".*(sink_blocks|local_blocks|top_k).*", ""},
      {"LocalWithoutCausal",
       [](PlanRequest& r) {
         r.config.options.causal = 0;
         r.config.options.local_blocks = 2;
       },
       "(config.)?options.local_blocks", "2"},
      {"ScaleNaN", [](PlanRequest& r) { r.config.options.softmax_scale = kNaN; },
       "(config.)?options.softmax_scale", "-?nan"},
      {"ScaleInfinite", [](PlanRequest& r) { r.config.options.softmax_scale = kInfinity; },
       "(config.)?options.softmax_scale", "inf"},
      {"ScaleBeyondFloat", [](PlanRequest& r) { r.config.options.softmax_scale = 1e300; },
       "(config.)?options.softmax_scale", "1e\\+300"},
      {"ScaleBelowFloat", [](PlanRequest& r) { r.config.options.softmax_scale = 1e-300; },
       "(config.)?options.softmax_scale", "1e-300"},
      {"ScaleNegative", [](PlanRequest& r) { r.config.options.softmax_scale = -0.5; },
       "(config.)?options.softmax_scale", "-0\\.50*"},
      {"FullWithBlockSize",
       [](PlanRequest& r) {
         r.config.options = FullAttention();
         r.config.options.block_size = 64;
       },
       "(config.)?options.block_size", "64"},
      {"FullWithTopK",
       [](PlanRequest& r) {
         r.config.options = FullAttention();
         r.config.options.top_k = 3;
       },
       "(config.)?options.top_k", "3"},
  };
}

class RefusedPlan : public testing::TestWithParam<BadPlan> {};

TEST_P(RefusedPlan, Create) {
  moba_plan* const untouched = reinterpret_cast<moba_plan*>(uintptr_t{0x5a5a});
  moba_plan* plan = untouched;
  PlanRequest request = {};
  request.engine = AnyEngine();
  request.config = ValidConfig();
  request.pointer = &request.config;
  request.result = &plan;
  GetParam().spoil(request);
  EXPECT_EQ(moba_plan_create(request.engine, request.pointer, request.result),
            MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), GetParam().argument, GetParam().value);
  EXPECT_EQ(plan, untouched);
}

INSTANTIATE_TEST_SUITE_P(, RefusedPlan, testing::ValuesIn(BadPlans()), BadName<PlanRequest>);

TEST(Validation, PlanInfoNamesTheEnginesKernels) {
  moba_engine_info engine = {};
  engine.struct_size = sizeof engine;
  ASSERT_EQ(moba_engine_get_info(AnyEngine(), &engine), MOBA_OK);
  const OwnedPlan plan(AnyEngine(), ValidConfig());
  moba_plan_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(moba_plan_get_info(plan.get(), &info), MOBA_OK) << moba_last_error();
  EXPECT_STREQ(info.kernels, engine.name);
  EXPECT_EQ(moba_plan_get_info(nullptr, &info), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "plan", kNull);
  EXPECT_EQ(moba_plan_get_info(plan.get(), nullptr), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "info", kNull);
}

TEST(Validation, WorkspaceBytesValidatesItsArguments) {
  const OwnedPlan plan(AnyEngine(), ValidConfig());
  int64_t bytes = -7;
  EXPECT_EQ(moba_plan_workspace_bytes(nullptr, &bytes), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "plan", kNull);
  EXPECT_EQ(bytes, -7);
  EXPECT_EQ(moba_plan_workspace_bytes(plan.get(), nullptr), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "bytes", kNull);
}

struct EngineRequest {
  moba_engine_options options;
  const moba_engine_options* pointer;
  moba_engine** result;
};

using BadEngine = Bad<EngineRequest>;

std::vector<BadEngine> BadEngines() {
  return {
      {"NullOptions", [](EngineRequest& r) { r.pointer = nullptr; }, "options", kNull},
      {"NullEngine", [](EngineRequest& r) { r.result = nullptr; }, "engine", kNull},
      {"StructSize", [](EngineRequest& r) { r.options.struct_size = 0; }, "options.struct_size",
       "0"},
      {"NoBackend", [](EngineRequest& r) { r.options.backend = 0; }, "options.backend", "0"},
      {"UnknownBackend", [](EngineRequest& r) { r.options.backend = 99; }, "options.backend", "99"},
      {"UnknownTarget", [](EngineRequest& r) { r.options.cpu_target = 99; }, "options.cpu_target",
       "99"},
      {"NegativeThreads", [](EngineRequest& r) { r.options.num_threads = -1; },
       "options.num_threads", "-1"},
      {"HugeThreads", [](EngineRequest& r) { r.options.num_threads = 0x7fffffff; },
       "options.num_threads", "2147483647"},
      {"OtherOrdinal", [](EngineRequest& r) { r.options.device_id = 1; }, "options.device_id", "1"},
  };
}

class RefusedEngine : public testing::TestWithParam<BadEngine> {};

TEST_P(RefusedEngine, Create) {
  moba_engine* const untouched = reinterpret_cast<moba_engine*>(uintptr_t{0x5a5a});
  moba_engine* engine = untouched;
  EngineRequest request = {};
  request.options.struct_size = sizeof request.options;
  request.options.backend = MOBA_BACKEND_CPU;
  request.pointer = &request.options;
  request.result = &engine;
  GetParam().spoil(request);
  EXPECT_EQ(moba_engine_create(request.pointer, request.result), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), GetParam().argument, GetParam().value);
  EXPECT_EQ(engine, untouched);
}

INSTANTIATE_TEST_SUITE_P(, RefusedEngine, testing::ValuesIn(BadEngines()), BadName<EngineRequest>);

TEST(Validation, WhatThisMachineLacksIsUnsupported) {
  for (int32_t i = 0; i < moba_backend_count(); ++i) {
    moba_backend_info info = {};
    info.struct_size = sizeof info;
    ASSERT_EQ(moba_backend_get(i, &info), MOBA_OK) << moba_last_error();
    if (info.available) continue;
    SCOPED_TRACE(info.name);
    moba_engine_options options = {};
    options.struct_size = sizeof options;
    options.backend = info.backend;
    options.cpu_target = info.cpu_target;
    moba_engine* engine = nullptr;
    EXPECT_EQ(moba_engine_create(&options, &engine), MOBA_UNSUPPORTED);
    EXPECT_NE(std::string(moba_last_error()), "");
    EXPECT_EQ(engine, nullptr);
  }
}

}  // namespace
}  // namespace moba_test
