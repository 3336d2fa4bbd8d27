// libFuzzer harness for what needs no tensors: engines, descriptions of engines, backends and
// struct layouts, and plans with any maxima. Structs lie in memory exactly as large as they claim
// to be.
#include "fuzzed.h"

namespace moba_test {
namespace {

// A struct that the library fills in: as much of it as the caller claims to know.
template <typename T, typename Call>
void CheckDescription(FuzzedDataProvider& bytes, bool valid_index, const Call& call) {
  T value = {};
  value.struct_size = bytes.ConsumeBool() ? static_cast<int64_t>(sizeof value) : PickInteger(bytes);
  const ClaimedStruct<T> claimed(value, PickGuard(bytes));
  const int32_t status = Answer([&] { return call(claimed.get()); });
  Expect((status == MOBA_OK) == (valid_index && value.struct_size >= 8),
         "a description if it may be had");
  Expect(claimed.get()->struct_size == value.struct_size, "struct_size as it was");
}

// A struct that the library reads: its tail, where it claims one, may hold something unknown.
template <typename T>
ClaimedStruct<T> Claim(FuzzedDataProvider& bytes, const T& value, bool& unknown) {
  ClaimedStruct<T> claimed(value, PickGuard(bytes));
  unknown = bytes.ConsumeBool() && value.struct_size > static_cast<int64_t>(sizeof value) &&
            value.struct_size <= 1 << 20;
  if (unknown) reinterpret_cast<char*>(claimed.get())[value.struct_size - 1] = 1;
  return claimed;
}

void CheckEngine(FuzzedDataProvider& bytes) {
  moba_engine_options options = {.struct_size = sizeof options,
                                 .backend = MOBA_BACKEND_CPU,
                                 .cpu_target = MOBA_CPU_AUTO,
                                 .num_threads = bytes.ConsumeIntegralInRange(1, 3),
                                 .device_id = 0};
  const bool spoilt = bytes.ConsumeBool();
  if (spoilt) Spoil(bytes, &options, sizeof options);
  // Valid, but a thousand threads take their time.
  if (options.num_threads > 3 && options.num_threads <= 1024) options.num_threads = 3;
  bool unknown = false;
  const ClaimedStruct<moba_engine_options> claimed = Claim(bytes, options, unknown);
  moba_engine* engine = nullptr;
  const int32_t status = Answer([&] { return moba_engine_create(claimed.get(), &engine); });
  Expect((status == MOBA_OK) == (engine != nullptr), "an engine on MOBA_OK only");
  Expect(status == MOBA_OK || spoilt, "an engine for valid options");
  Expect(status != MOBA_OK || !unknown, "refusal of unknown fields");
  if (engine == nullptr) return;
  CheckDescription<moba_engine_info>(
      bytes, true, [&](moba_engine_info* info) { return moba_engine_get_info(engine, info); });
  Expect(moba_engine_destroy(engine) == MOBA_OK, "an idle engine to be destroyed");
}

void CheckPlan(FuzzedDataProvider& bytes) {
  moba_plan_config config = {};
  config.struct_size = sizeof config;
  config.dtype = MOBA_F16;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = config.head_dim_v = 64;
  config.max_tokens_q = config.max_tokens_k = 1000;
  config.max_sequences = 5;
  config.max_selected = 7;
  moba_options_init(&config.options);
  config.options.block_size = 16;
  config.options.top_k = 3;
  const int spoilt = bytes.ConsumeIntegralInRange(0, 9);
  for (int i = 0; i < spoilt; ++i) Spoil(bytes, &config, sizeof config);
  bool unknown = false;
  const ClaimedStruct<moba_plan_config> claimed = Claim(bytes, config, unknown);
  moba_plan* plan = nullptr;
  const moba_engine* engine = PickEngine(bytes);
  const int32_t status = Answer([&] { return moba_plan_create(engine, claimed.get(), &plan); });
  Expect((status == MOBA_OK) == (plan != nullptr), "a plan on MOBA_OK only");
  Expect(status == MOBA_OK || spoilt > 0, "a plan for a valid config");
  Expect(status != MOBA_OK || !unknown, "refusal of unknown fields");
  if (plan == nullptr) return;
  int64_t workspace_bytes = -1;
  Expect(moba_plan_workspace_bytes(plan, &workspace_bytes) == MOBA_OK && workspace_bytes > 0,
         "workspace bytes");
  CheckDescription<moba_plan_info>(
      bytes, true, [&](moba_plan_info* info) { return moba_plan_get_info(plan, info); });
  Expect(moba_plan_destroy(plan) == MOBA_OK, "an idle plan to be destroyed");
}

}  // namespace
}  // namespace moba_test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moba_test;
  const std::vector<uint8_t> choices = Prolonged(data, size);
  FuzzedDataProvider bytes(choices.data(), choices.size());
  const auto index = static_cast<int32_t>(PickInteger(bytes));
  switch (bytes.ConsumeIntegralInRange(0, 3)) {
    case 0:
      CheckPlan(bytes);
      break;
    case 1:
      CheckEngine(bytes);
      break;
    case 2:
      CheckDescription<moba_backend_info>(
          bytes, index >= 0 && index < moba_backend_count(),
          [&](moba_backend_info* info) { return moba_backend_get(index, info); });
      break;
    default:
      CheckDescription<moba_layout>(
          bytes, index >= 0 && index < moba_layout_count(),
          [&](moba_layout* layout) { return moba_layout_get(index, layout); });
  }
  Expect(moba_status_name(index)[0] != '\0', "a name for any status");
  return 0;
}
