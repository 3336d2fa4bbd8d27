// sizeof and offsetof of every public struct, for bindings to check themselves against.
#include <cstddef>
#include <cstdio>
#include <iterator>

#include "api/versioned.h"

namespace {

struct Field {
  const char* type;
  const char* field;
  size_t offset;
  size_t size;
};

#define MOBA_STRUCT(type) \
  { #type, "", 0, sizeof(type) }
#define MOBA_FIELD(type, field) \
  { #type, #field, offsetof(type, field), sizeof(type::field) }

constexpr Field kFields[] = {
    MOBA_STRUCT(moba_tensor),
    MOBA_FIELD(moba_tensor, struct_size),
    MOBA_FIELD(moba_tensor, dtype),
    MOBA_FIELD(moba_tensor, ndim),
    MOBA_FIELD(moba_tensor, device_type),
    MOBA_FIELD(moba_tensor, device_id),
    MOBA_FIELD(moba_tensor, byte_offset),
    MOBA_FIELD(moba_tensor, shape),
    MOBA_FIELD(moba_tensor, stride),
    MOBA_STRUCT(moba_options),
    MOBA_FIELD(moba_options, struct_size),
    MOBA_FIELD(moba_options, attention),
    MOBA_FIELD(moba_options, causal),
    MOBA_FIELD(moba_options, routing),
    MOBA_FIELD(moba_options, reserved),
    MOBA_FIELD(moba_options, block_size),
    MOBA_FIELD(moba_options, top_k),
    MOBA_FIELD(moba_options, sink_blocks),
    MOBA_FIELD(moba_options, local_blocks),
    MOBA_FIELD(moba_options, softmax_scale),
    MOBA_STRUCT(moba_backend_info),
    MOBA_FIELD(moba_backend_info, struct_size),
    MOBA_FIELD(moba_backend_info, backend),
    MOBA_FIELD(moba_backend_info, cpu_target),
    MOBA_FIELD(moba_backend_info, available),
    MOBA_FIELD(moba_backend_info, reserved),
    MOBA_FIELD(moba_backend_info, name),
    MOBA_FIELD(moba_backend_info, detail),
    MOBA_STRUCT(moba_engine_options),
    MOBA_FIELD(moba_engine_options, struct_size),
    MOBA_FIELD(moba_engine_options, backend),
    MOBA_FIELD(moba_engine_options, cpu_target),
    MOBA_FIELD(moba_engine_options, num_threads),
    MOBA_FIELD(moba_engine_options, device_id),
    MOBA_STRUCT(moba_engine_info),
    MOBA_FIELD(moba_engine_info, struct_size),
    MOBA_FIELD(moba_engine_info, backend),
    MOBA_FIELD(moba_engine_info, cpu_target),
    MOBA_FIELD(moba_engine_info, num_threads),
    MOBA_FIELD(moba_engine_info, device_id),
    MOBA_FIELD(moba_engine_info, name),
    MOBA_FIELD(moba_engine_info, device),
    MOBA_STRUCT(moba_plan_config),
    MOBA_FIELD(moba_plan_config, struct_size),
    MOBA_FIELD(moba_plan_config, dtype),
    MOBA_FIELD(moba_plan_config, reserved),
    MOBA_FIELD(moba_plan_config, num_heads),
    MOBA_FIELD(moba_plan_config, num_kv_heads),
    MOBA_FIELD(moba_plan_config, head_dim),
    MOBA_FIELD(moba_plan_config, head_dim_v),
    MOBA_FIELD(moba_plan_config, max_tokens_q),
    MOBA_FIELD(moba_plan_config, max_tokens_k),
    MOBA_FIELD(moba_plan_config, max_sequences),
    MOBA_FIELD(moba_plan_config, max_selected),
    MOBA_FIELD(moba_plan_config, options),
    MOBA_STRUCT(moba_plan_info),
    MOBA_FIELD(moba_plan_info, struct_size),
    MOBA_FIELD(moba_plan_info, kernels),
    MOBA_STRUCT(moba_run_shapes),
    MOBA_FIELD(moba_run_shapes, struct_size),
    MOBA_FIELD(moba_run_shapes, q),
    MOBA_FIELD(moba_run_shapes, k),
    MOBA_FIELD(moba_run_shapes, v),
    MOBA_FIELD(moba_run_shapes, o),
    MOBA_FIELD(moba_run_shapes, lse),
    MOBA_FIELD(moba_run_shapes, selected),
    MOBA_FIELD(moba_run_shapes, cu_seqlens_q),
    MOBA_FIELD(moba_run_shapes, cu_seqlens_k),
    MOBA_STRUCT(moba_merge_shapes),
    MOBA_FIELD(moba_merge_shapes, struct_size),
    MOBA_FIELD(moba_merge_shapes, o_a),
    MOBA_FIELD(moba_merge_shapes, lse_a),
    MOBA_FIELD(moba_merge_shapes, o_b),
    MOBA_FIELD(moba_merge_shapes, lse_b),
    MOBA_FIELD(moba_merge_shapes, o),
    MOBA_FIELD(moba_merge_shapes, lse),
    MOBA_STRUCT(moba_layout),
    MOBA_FIELD(moba_layout, struct_size),
    MOBA_FIELD(moba_layout, type),
    MOBA_FIELD(moba_layout, field),
    MOBA_FIELD(moba_layout, offset),
    MOBA_FIELD(moba_layout, size),
};

}  // namespace

extern "C" {

int32_t moba_layout_count(void) { return static_cast<int32_t>(std::size(kFields)); }

int32_t moba_layout_get(int32_t index, moba_layout* layout) {
  if (index < 0 || index >= moba_layout_count()) {
    return moba::api::Fail(MOBA_INVALID_ARGUMENT, "index is %d, expected 0 to %d", index,
                           moba_layout_count() - 1);
  }
  const Field& field = kFields[index];
  moba_layout value = {};
  std::snprintf(value.type, sizeof value.type, "%s", field.type);
  std::snprintf(value.field, sizeof value.field, "%s", field.field);
  value.offset = static_cast<int64_t>(field.offset);
  value.size = static_cast<int64_t>(field.size);
  return moba::api::WriteStruct("layout", value, layout);
}

}  // extern "C"
