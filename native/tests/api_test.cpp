// What moba.h promises beside computing: versions, defaults, descriptions of backends and engines,
// growing structs, the layout report, workspace sizes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "bad_argument.h"
#include "parameters.h"

namespace moba_test {
namespace {

// The instruction set that every processor of this architecture has.
#if defined(__aarch64__)
constexpr int32_t kEverywhere = MOBA_CPU_NEON;
#else
constexpr int32_t kEverywhere = MOBA_CPU_BASELINE;
#endif

TEST(Api, ReportsVersions) {
  EXPECT_EQ(moba_abi_version(), MOBA_ABI_VERSION);
  EXPECT_TRUE(std::regex_match(moba_version(), std::regex("\\d+\\.\\d+\\.\\d+.*")))
      << moba_version();
}

TEST(Api, NamesEveryStatus) {
  EXPECT_STREQ(moba_status_name(MOBA_OK), "MOBA_OK");
  EXPECT_STREQ(moba_status_name(MOBA_INVALID_ARGUMENT), "MOBA_INVALID_ARGUMENT");
  EXPECT_STREQ(moba_status_name(MOBA_UNSUPPORTED), "MOBA_UNSUPPORTED");
  EXPECT_STREQ(moba_status_name(MOBA_OUT_OF_MEMORY), "MOBA_OUT_OF_MEMORY");
  EXPECT_STREQ(moba_status_name(MOBA_CANCELLED), "MOBA_CANCELLED");
  EXPECT_STREQ(moba_status_name(MOBA_CLOSED), "MOBA_CLOSED");
  EXPECT_STREQ(moba_status_name(MOBA_BUSY), "MOBA_BUSY");
  EXPECT_STREQ(moba_status_name(MOBA_INTERNAL), "MOBA_INTERNAL");
  EXPECT_STREQ(moba_status_name(MOBA_DEVICE_ERROR), "MOBA_DEVICE_ERROR");
  EXPECT_NE(moba_status_name(4711), nullptr);
  EXPECT_NE(moba_status_name(-1), nullptr);
}

TEST(Api, OptionsStartWithTheDefaults) {
  moba_options options;
  std::memset(&options, 0x55, sizeof options);
  moba_options_init(&options);
  EXPECT_EQ(options.struct_size, static_cast<int64_t>(sizeof options));
  EXPECT_EQ(options.attention, MOBA_ATTENTION_BLOCK_SPARSE);
  EXPECT_EQ(options.causal, 1);
  EXPECT_EQ(options.routing, MOBA_ROUTING_PER_HEAD);
  EXPECT_EQ(options.reserved, 0);
  EXPECT_EQ(options.block_size, 0);
  EXPECT_EQ(options.top_k, 0);
  EXPECT_EQ(options.sink_blocks, 0);
  EXPECT_EQ(options.local_blocks, 1);
  EXPECT_EQ(options.softmax_scale, 0.0);
  moba_options_init(nullptr);
}

TEST(Api, DescribesBackends) {
  std::set<std::string> names;
  bool whole_cpu = false;
  bool everywhere = false;
  ASSERT_GT(moba_backend_count(), 0);
  for (int32_t i = 0; i < moba_backend_count(); ++i) {
    moba_backend_info info = {};
    info.struct_size = sizeof info;
    ASSERT_EQ(moba_backend_get(i, &info), MOBA_OK) << moba_last_error();
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_STRNE(info.detail, "") << info.name;
    EXPECT_TRUE(info.available == 0 || info.available == 1);
    whole_cpu |=
        info.backend == MOBA_BACKEND_CPU && info.cpu_target == MOBA_CPU_AUTO && info.available == 1;
    everywhere |= info.cpu_target == kEverywhere && info.available == 1;
  }
  EXPECT_TRUE(whole_cpu);
  EXPECT_TRUE(everywhere);
}

TEST(Api, BackendIndexOutOfRangeIsRefused) {
  moba_backend_info info = {};
  info.struct_size = sizeof info;
  for (int32_t index : {-1, moba_backend_count()}) {
    EXPECT_EQ(moba_backend_get(index, &info), MOBA_INVALID_ARGUMENT);
    ExpectSentence(moba_last_error(), "index", std::to_string(index));
  }
  EXPECT_EQ(moba_backend_get(0, nullptr), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "info", kNull);
  info.struct_size = 0;
  EXPECT_EQ(moba_backend_get(0, &info), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "info.struct_size", "0");
}

class EngineInfo : public TargetTest {};

TEST_P(EngineInfo, TellsWhatWasAskedFor) {
  const OwnedEngine engine(GetParam(), 3);
  moba_engine_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(moba_engine_get_info(engine.get(), &info), MOBA_OK) << moba_last_error();
  EXPECT_EQ(info.backend, MOBA_BACKEND_CPU);
  EXPECT_EQ(info.cpu_target, GetParam());
  EXPECT_EQ(info.num_threads, 3);
  EXPECT_EQ(info.device_id, 0);
  EXPECT_EQ(info.name, "cpu/" + TargetName(GetParam()));
  EXPECT_STRNE(info.device, "");
}

MOBA_INSTANTIATE_TARGETS(EngineInfo);

TEST(Api, AutoTakesTheBestTargetAndAllProcessors) {
  const OwnedEngine engine(MOBA_CPU_AUTO, 0);
  moba_engine_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(moba_engine_get_info(engine.get(), &info), MOBA_OK) << moba_last_error();
  const std::vector<int32_t> targets = AvailableTargets();
  EXPECT_EQ(info.cpu_target, *std::max_element(targets.begin(), targets.end()));
  EXPECT_GE(info.num_threads, 1);
}

TEST(Api, EngineInfoValidatesItsArguments) {
  moba_engine_info info = {};
  info.struct_size = sizeof info;
  EXPECT_EQ(moba_engine_get_info(nullptr, &info), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "engine", kNull);
  EXPECT_EQ(moba_engine_get_info(AnyEngine(), nullptr), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "info", kNull);
}

TEST(Api, EnginesRefuseWordsTheyDoNotKnowInTheEnvironment) {
  constexpr char kVariable[] = "MOBA_CPU_BF16_PAIRS";
  const char* const before = std::getenv(kVariable);
  const std::optional<std::string> kept =
      before == nullptr ? std::nullopt : std::optional<std::string>(before);
  moba_engine_options options = {};
  options.struct_size = sizeof options;
  options.backend = MOBA_BACKEND_CPU;
  options.num_threads = 1;
  moba_engine* engine = nullptr;
  for (const char* known : {"0", "1"}) {
    setenv(kVariable, known, 1);
    EXPECT_EQ(moba_engine_create(&options, &engine), MOBA_OK) << moba_last_error();
    EXPECT_EQ(moba_engine_destroy(engine), MOBA_OK);
  }
  for (const char* unknown : {"", "yes", "10"}) {
    setenv(kVariable, unknown, 1);
    EXPECT_EQ(moba_engine_create(&options, &engine), MOBA_INVALID_ARGUMENT) << unknown;
    ExpectSentence(moba_last_error(), kVariable, unknown);
  }
  kept ? setenv(kVariable, kept->c_str(), 1) : unsetenv(kVariable);
}

TEST(Api, DestroyingNothingIsAccepted) {
  EXPECT_EQ(moba_engine_destroy(nullptr), MOBA_OK);
  EXPECT_EQ(moba_plan_destroy(nullptr), MOBA_OK);
}

TEST(Api, LastErrorStaysUntilTheNextCall) {
  EXPECT_EQ(moba_engine_create(nullptr, nullptr), MOBA_INVALID_ARGUMENT);
  const std::string sentence = moba_last_error();
  EXPECT_NE(sentence, "");
  EXPECT_EQ(sentence, moba_last_error());
}

// A struct of an older caller ends early, one of a newer caller is longer.
TEST(Api, OlderCallersStructsAreAccepted) {
  moba_engine_options options = {};
  options.struct_size = offsetof(moba_engine_options, device_id);
  options.backend = MOBA_BACKEND_CPU;
  options.num_threads = 1;
  options.device_id = 77;  // beyond the caller's struct, not to be read
  moba_engine* engine = nullptr;
  EXPECT_EQ(moba_engine_create(&options, &engine), MOBA_OK) << moba_last_error();
  EXPECT_EQ(moba_engine_destroy(engine), MOBA_OK);
}

TEST(Api, NewerCallersStructsAreAcceptedWhileTheirTailIsZero) {
  struct {
    moba_engine_options options;
    int32_t tail[6];
  } newer = {};
  newer.options.struct_size = sizeof newer;
  newer.options.backend = MOBA_BACKEND_CPU;
  newer.options.num_threads = 1;
  moba_engine* engine = nullptr;
  EXPECT_EQ(moba_engine_create(&newer.options, &engine), MOBA_OK) << moba_last_error();
  EXPECT_EQ(moba_engine_destroy(engine), MOBA_OK);
  newer.tail[5] = 1;
  EXPECT_EQ(moba_engine_create(&newer.options, &engine), MOBA_INVALID_ARGUMENT);
  EXPECT_STRNE(moba_last_error(), "");
}

TEST(Api, ShorterInfoStructsAreFilledAsFarAsTheyGo) {
  moba_engine_info info;
  std::memset(&info, 0x55, sizeof info);
  info.struct_size = offsetof(moba_engine_info, device);
  ASSERT_EQ(moba_engine_get_info(AnyEngine(), &info), MOBA_OK) << moba_last_error();
  EXPECT_EQ(info.backend, MOBA_BACKEND_CPU);
  for (char byte : info.device) ASSERT_EQ(byte, 0x55);
}

// Every field of every public struct, as this file was compiled.
#define FIELD(type, field)                                           \
  {                                                                  \
#type "." #field, { offsetof(type, field), sizeof(type::field) } \
  }
#define WHOLE(type)                \
  {                                \
#type ".", { 0, sizeof(type) } \
  }

TEST(Layout, ReportCoversEveryFieldOfEveryStruct) {
  using Place = std::pair<int64_t, int64_t>;
  const std::map<std::string, Place> expected = {
      WHOLE(moba_tensor),
      FIELD(moba_tensor, struct_size),
      FIELD(moba_tensor, dtype),
      FIELD(moba_tensor, ndim),
      FIELD(moba_tensor, device_type),
      FIELD(moba_tensor, device_id),
      FIELD(moba_tensor, byte_offset),
      FIELD(moba_tensor, shape),
      FIELD(moba_tensor, stride),
      WHOLE(moba_options),
      FIELD(moba_options, struct_size),
      FIELD(moba_options, attention),
      FIELD(moba_options, causal),
      FIELD(moba_options, routing),
      FIELD(moba_options, reserved),
      FIELD(moba_options, block_size),
      FIELD(moba_options, top_k),
      FIELD(moba_options, sink_blocks),
      FIELD(moba_options, local_blocks),
      FIELD(moba_options, softmax_scale),
      WHOLE(moba_backend_info),
      FIELD(moba_backend_info, struct_size),
      FIELD(moba_backend_info, backend),
      FIELD(moba_backend_info, cpu_target),
      FIELD(moba_backend_info, available),
      FIELD(moba_backend_info, reserved),
      FIELD(moba_backend_info, name),
      FIELD(moba_backend_info, detail),
      WHOLE(moba_engine_options),
      FIELD(moba_engine_options, struct_size),
      FIELD(moba_engine_options, backend),
      FIELD(moba_engine_options, cpu_target),
      FIELD(moba_engine_options, num_threads),
      FIELD(moba_engine_options, device_id),
      WHOLE(moba_engine_info),
      FIELD(moba_engine_info, struct_size),
      FIELD(moba_engine_info, backend),
      FIELD(moba_engine_info, cpu_target),
      FIELD(moba_engine_info, num_threads),
      FIELD(moba_engine_info, device_id),
      FIELD(moba_engine_info, name),
      FIELD(moba_engine_info, device),
      WHOLE(moba_plan_config),
      FIELD(moba_plan_config, struct_size),
      FIELD(moba_plan_config, dtype),
      FIELD(moba_plan_config, reserved),
      FIELD(moba_plan_config, num_heads),
      FIELD(moba_plan_config, num_kv_heads),
      FIELD(moba_plan_config, head_dim),
      FIELD(moba_plan_config, head_dim_v),
      FIELD(moba_plan_config, max_tokens_q),
      FIELD(moba_plan_config, max_tokens_k),
      FIELD(moba_plan_config, max_sequences),
      FIELD(moba_plan_config, max_selected),
      FIELD(moba_plan_config, options),
      WHOLE(moba_plan_info),
      FIELD(moba_plan_info, struct_size),
      FIELD(moba_plan_info, kernels),
      WHOLE(moba_run_shapes),
      FIELD(moba_run_shapes, struct_size),
      FIELD(moba_run_shapes, q),
      FIELD(moba_run_shapes, k),
      FIELD(moba_run_shapes, v),
      FIELD(moba_run_shapes, o),
      FIELD(moba_run_shapes, lse),
      FIELD(moba_run_shapes, selected),
      FIELD(moba_run_shapes, cu_seqlens_q),
      FIELD(moba_run_shapes, cu_seqlens_k),
      WHOLE(moba_merge_shapes),
      FIELD(moba_merge_shapes, struct_size),
      FIELD(moba_merge_shapes, o_a),
      FIELD(moba_merge_shapes, lse_a),
      FIELD(moba_merge_shapes, o_b),
      FIELD(moba_merge_shapes, lse_b),
      FIELD(moba_merge_shapes, o),
      FIELD(moba_merge_shapes, lse),
      WHOLE(moba_layout),
      FIELD(moba_layout, struct_size),
      FIELD(moba_layout, type),
      FIELD(moba_layout, field),
      FIELD(moba_layout, offset),
      FIELD(moba_layout, size),
  };
  std::map<std::string, Place> reported;
  for (int32_t i = 0; i < moba_layout_count(); ++i) {
    moba_layout layout = {};
    layout.struct_size = sizeof layout;
    ASSERT_EQ(moba_layout_get(i, &layout), MOBA_OK) << moba_last_error();
    const std::string name = std::string(layout.type) + "." + layout.field;
    EXPECT_TRUE(reported.insert({name, {layout.offset, layout.size}}).second) << name;
  }
  EXPECT_EQ(reported, expected);
}

TEST(Layout, IndexOutOfRangeIsRefused) {
  moba_layout layout = {};
  layout.struct_size = sizeof layout;
  for (int32_t index : {-1, moba_layout_count()}) {
    EXPECT_EQ(moba_layout_get(index, &layout), MOBA_INVALID_ARGUMENT);
    ExpectSentence(moba_last_error(), "index", std::to_string(index));
  }
  EXPECT_EQ(moba_layout_get(0, nullptr), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "layout", kNull);
}

int64_t WorkspaceBytes(int64_t tokens, const moba_options& options, int64_t max_selected) {
  moba_plan_config config = {};
  config.struct_size = sizeof config;
  config.dtype = MOBA_BF16;
  config.num_heads = 8;
  config.num_kv_heads = 2;
  config.head_dim = config.head_dim_v = 128;
  config.max_tokens_q = config.max_tokens_k = tokens;
  config.max_sequences = 1;
  config.max_selected = max_selected;
  config.options = options;
  return OwnedPlan(AnyEngine(), config).WorkspaceBytes();
}

TEST(Workspace, GrowsLinearlyWithTokens) {
  for (const moba_options& options : {FullAttention(), BlockSparse(512, 3), BlockSparse(128, 8)}) {
    const int64_t small = WorkspaceBytes(100'000, options, 0);
    const int64_t large = WorkspaceBytes(800'000, options, 0);
    EXPECT_LE(large, 9 * small) << "block size " << options.block_size;
    // Scores of all blocks for all queries would not fit.
    EXPECT_LT(small, int64_t{2} << 30) << "block size " << options.block_size;
  }
}

TEST(Workspace, OfManyHeadsAndBlocksIsNoNegativeNumber) {
  moba_plan_config config = {};
  config.struct_size = sizeof config;
  config.num_heads = config.num_kv_heads = 1 << 20;
  config.head_dim = config.head_dim_v = MOBA_MAX_HEAD_DIM;
  config.dtype = MOBA_F32;
  config.max_tokens_q = 1;
  config.max_tokens_k = int64_t{1} << 40;
  config.max_sequences = 1;
  config.options = BlockSparse(1, 1);
  EXPECT_GT(OwnedPlan(AnyEngine(), config).WorkspaceBytes(), int64_t{1} << 50);
}

TEST(Workspace, PlanOfNoTokensIsLegal) {
  EXPECT_GE(WorkspaceBytes(0, BlockSparse(64, 3), 0), 0);
  EXPECT_GE(WorkspaceBytes(0, FullAttention(), 0), 0);
}

}  // namespace
}  // namespace moba_test
