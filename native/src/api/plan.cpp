// moba_plan_create: validation of everything that stays the same from run to run.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "api/device.h"
#include "api/tensors.h"
#include "api/versioned.h"

namespace moba::api {
namespace {

using LongLong = long long;

constexpr int64_t kMostTokens = int64_t{1} << 40;
constexpr int64_t kMostHeads = int64_t{1} << 20;
// A block size or number of blocks beyond any input's: more means the same, and cannot overflow.
constexpr int64_t kPlenty = int64_t{1} << 41;
constexpr double kLog2E = 1.4426950408889634;

int32_t CheckRange(const char* name, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return MOBA_OK;
  return Fail(MOBA_INVALID_ARGUMENT, "%s is %lld, expected %lld to %lld", name,
              static_cast<LongLong>(value), static_cast<LongLong>(least),
              static_cast<LongLong>(most));
}

int32_t CheckSizes(const moba_plan_config& config) {
  if (config.dtype != MOBA_F32 && config.dtype != MOBA_F16 && config.dtype != MOBA_BF16) {
    return Fail(MOBA_INVALID_ARGUMENT, "config.dtype is %s (%d), expected F32, F16 or BF16",
                DTypeName(config.dtype), config.dtype);
  }
  const struct {
    const char* name;
    int64_t value, least, most;
  } ranges[] = {
      {"config.num_heads", config.num_heads, 1, kMostHeads},
      {"config.num_kv_heads", config.num_kv_heads, 1, kMostHeads},
      {"config.head_dim", config.head_dim, 1, MOBA_MAX_HEAD_DIM},
      {"config.head_dim_v", config.head_dim_v, 1, MOBA_MAX_HEAD_DIM},
      {"config.max_tokens_q", config.max_tokens_q, 0, kMostTokens},
      {"config.max_tokens_k", config.max_tokens_k, 0, kMostTokens},
      {"config.max_sequences", config.max_sequences, 1, kMostTokens},
      {"config.max_selected", config.max_selected, 0, std::numeric_limits<int32_t>::max()},
      {"config.reserved", config.reserved, 0, 0},
  };
  for (const auto& range : ranges) {
    if (const int32_t status = CheckRange(range.name, range.value, range.least, range.most)) {
      return status;
    }
  }
  if (config.num_heads % config.num_kv_heads != 0) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "config.num_kv_heads is %lld, expected a divisor of num_heads = %lld",
                static_cast<LongLong>(config.num_kv_heads),
                static_cast<LongLong>(config.num_heads));
  }
  return MOBA_OK;
}

int32_t CheckBlockOptions(const moba_options& options, bool selects) {
  const bool full = options.attention == MOBA_ATTENTION_FULL;
  const bool routes = !full && (options.top_k != 0 || !selects);
  const int64_t most = std::numeric_limits<int64_t>::max();
  if (const int32_t status =
          CheckRange("options.block_size", options.block_size, full ? 0 : 1, full ? 0 : most)) {
    return status;
  }
  if (const int32_t status =
          CheckRange("options.top_k", options.top_k, routes ? 1 : 0, full ? 0 : most)) {
    return status;
  }
  if (const int32_t status =
          CheckRange("options.sink_blocks", options.sink_blocks, 0, full ? 0 : most)) {
    return status;
  }
  if (const int32_t status =
          CheckRange("options.local_blocks", options.local_blocks, 1, full ? 1 : most)) {
    return status;
  }
  if (!options.causal && options.local_blocks > 1) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "options.local_blocks is %lld, expected 1 when attention is not causal",
                static_cast<LongLong>(options.local_blocks));
  }
  if (routes && options.sink_blocks > options.top_k - options.local_blocks) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "options.sink_blocks + options.local_blocks is %lld + %lld, expected at most top_k "
                "= %lld",
                static_cast<LongLong>(options.sink_blocks),
                static_cast<LongLong>(options.local_blocks), static_cast<LongLong>(options.top_k));
  }
  return MOBA_OK;
}

int32_t CheckOptions(const moba_options& options, bool selects) {
  if (options.struct_size != static_cast<int64_t>(sizeof(moba_options))) {
    return Fail(MOBA_INVALID_ARGUMENT, "options.struct_size is %lld, expected %zu",
                static_cast<LongLong>(options.struct_size), sizeof(moba_options));
  }
  const struct {
    const char* name;
    int64_t value, most;
  } ranges[] = {
      {"options.attention", options.attention, MOBA_ATTENTION_FULL},
      {"options.causal", options.causal, 1},
      {"options.routing", options.routing, MOBA_ROUTING_PER_GROUP},
      {"options.reserved", options.reserved, 0},
  };
  for (const auto& range : ranges) {
    if (const int32_t status = CheckRange(range.name, range.value, 0, range.most)) return status;
  }
  const double scale = options.softmax_scale;
  // Also in single precision, times log2(e), it must be a positive normal number.
  const double least = std::numeric_limits<float>::min();
  const double most = static_cast<double>(std::numeric_limits<float>::max()) / 2;
  if (scale != 0 && !(scale >= least && scale <= most)) {
    return Fail(
        MOBA_INVALID_ARGUMENT,
        "options.softmax_scale is %g, expected a finite number above 0 (%g to %g), or 0 for "
        "1 / sqrt(head_dim)",
        scale, least, most);
  }
  return CheckBlockOptions(options, selects);
}

int32_t CreatePlan(const std::shared_ptr<Engine>& engine, const moba_plan_config* input,
                   moba_plan** result) {
  if (result == nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "plan is NULL, expected where to put the handle");
  }
  moba_plan_config config;
  if (const int32_t status = ReadStruct("config", input, config)) return status;
  if (const int32_t status = CheckSizes(config)) return status;
  if (const int32_t status = CheckOptions(config.options, config.max_selected > 0)) return status;

  const double scale = config.options.softmax_scale != 0
                           ? config.options.softmax_scale
                           : 1.0 / std::sqrt(static_cast<double>(config.head_dim));
  const core::PlanShape shape = {
      .dtype = static_cast<core::DType>(config.dtype),
      .num_heads = config.num_heads,
      .num_kv_heads = config.num_kv_heads,
      .head_dim = config.head_dim,
      .head_dim_v = config.head_dim_v,
      .max_tokens_q = config.max_tokens_q,
      .max_tokens_k = config.max_tokens_k,
      .max_sequences = config.max_sequences,
      .max_selected = config.max_selected,
      .block_size = std::min(config.options.block_size, kPlenty),
      .options = {.causal = config.options.causal != 0,
                  .per_group = config.options.routing == MOBA_ROUTING_PER_GROUP,
                  .top_k = std::min(config.options.top_k, kPlenty),
                  .sink_blocks = std::min(config.options.sink_blocks, kPlenty),
                  .local_blocks = std::min(config.options.local_blocks, kPlenty),
                  .score_scale = static_cast<float>(scale * kLog2E)},
  };
  moba_plan_info info = {};
  if (engine->device != nullptr) {
    void* made = nullptr;
    int64_t bytes = 0;
    if (const int32_t status = FromDevice(engine->device->plan_create(
            engine->ordinal, shape, &made, &bytes, info.kernels, sizeof info.kernels))) {
      return status;
    }
    DevicePlan device_plan(made, {engine->device, engine->ordinal});
    *result = new moba_plan{engine, {}, shape, std::nullopt, std::move(device_plan), bytes, info};
    return MOBA_OK;
  }
  const bool bf16 = shape.dtype == core::DType::kBF16;
  const cpu::Kernels& kernels = bf16 ? *engine->bf16_kernels : *engine->kernels;
  const cpu::Plan plan(shape, kernels, engine->pool->num_threads());
  std::strncpy(info.kernels, kernels.name, sizeof info.kernels - 1);
  *result = new moba_plan{engine, {}, shape, plan, {}, plan.WorkspaceBytes(), info};
  return MOBA_OK;
}

}  // namespace
}  // namespace moba::api

extern "C" {

void moba_options_init(moba_options* options) {
  if (options == nullptr) return;
  *options = {};
  options->struct_size = sizeof(moba_options);
  options->attention = MOBA_ATTENTION_BLOCK_SPARSE;
  options->causal = 1;
  options->routing = MOBA_ROUTING_PER_HEAD;
  options->local_blocks = 1;
}

int32_t moba_plan_create(const moba_engine* engine, const moba_plan_config* config,
                         moba_plan** plan) {
  return moba::api::Guarded([&] {
    return moba::api::InEngine(engine, [&](const moba::api::Engine&) {
      return moba::api::CreatePlan(engine->engine, config, plan);
    });
  });
}

int32_t moba_plan_destroy(moba_plan* plan) {
  if (plan == nullptr) return MOBA_OK;
  if (!plan->gate.Close()) {
    return moba::api::Fail(MOBA_BUSY, "plan is in use by a call, expected it to be idle");
  }
  delete plan;
  return MOBA_OK;
}

int32_t moba_plan_workspace_bytes(const moba_plan* plan, int64_t* bytes) {
  return moba::api::InPlan(plan, [&](const moba_plan& live) {
    if (bytes == nullptr) {
      return moba::api::Fail(MOBA_INVALID_ARGUMENT, "bytes is NULL, expected where to put them");
    }
    *bytes = live.workspace_bytes;
    return static_cast<int32_t>(MOBA_OK);
  });
}

int32_t moba_plan_get_info(const moba_plan* plan, moba_plan_info* info) {
  return moba::api::InPlan(
      plan, [&](const moba_plan& live) { return moba::api::WriteStruct("info", live.info, info); });
}

}  // extern "C"
