// moba_merge_states: attention over a union of key sets from two partial results.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "api/engine.h"
#include "api/tensors.h"
#include "api/versioned.h"

namespace moba::api {
namespace {

struct Side {
  Tensor o;
  Tensor lse;
};

struct Pointers {
  const void* o;
  const void* lse;
};

int32_t ReadSide(const char* o_name, const char* lse_name, Role role, const moba_tensor& like,
                 const moba_tensor& o, const moba_tensor& lse, const Pointers& data, Side& side) {
  const bool batched = like.ndim == 4;
  const int64_t batch = batched ? like.shape[0] : -1;
  const int64_t* axes = like.shape + (batched ? 1 : 0);
  if (const int32_t status =
          ReadTensor({o_name, role, like.dtype, batched, batch, axes[0], axes[1], axes[2]}, o,
                     data.o, side.o)) {
    return status;
  }
  return ReadTensor({lse_name, role, MOBA_F32, batched, batch, axes[0], axes[1], 0}, lse, data.lse,
                    side.lse);
}

int32_t CheckLike(const moba_tensor& like) {
  const bool is_float = like.dtype == MOBA_F32 || like.dtype == MOBA_F16 || like.dtype == MOBA_BF16;
  if (!is_float) {
    return Fail(MOBA_INVALID_ARGUMENT, "o_a.dtype is %s (%d), expected F32, F16 or BF16",
                DTypeName(like.dtype), like.dtype);
  }
  if (like.ndim != 3 && like.ndim != 4) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "o_a.ndim is %d, expected 3 or 4: [batch, tokens, heads, channels]", like.ndim);
  }
  for (int32_t i = 0; i < like.ndim; ++i) {
    const int64_t least = i == like.ndim - 1 ? 1 : 0;
    if (like.shape[i] < least) {
      return Fail(MOBA_INVALID_ARGUMENT, "o_a.shape[%d] is %lld, expected at least %lld", i,
                  static_cast<long long>(like.shape[i]), static_cast<long long>(least));
    }
  }
  return MOBA_OK;
}

float ReadLse(const Side& side, int64_t batch, int64_t token, int64_t head) {
  return *reinterpret_cast<const float*>(side.lse.rows.Row(batch, token, head));
}

void MergeRow(const cpu::Kernels& kernels, const Side& a, const Side& b, const Side& out,
              core::DType dtype, int64_t batch, int64_t token, int64_t head) {
  const double lse_a = static_cast<double>(ReadLse(a, batch, token, head));
  const double lse_b = static_cast<double>(ReadLse(b, batch, token, head));
  double weight_a = 0.0;
  double weight_b = 0.0;
  double lse = -std::numeric_limits<double>::infinity();
  if (!(lse_a == lse && lse_b == lse)) {  // a NaN in either makes the row NaN
    const double most = std::max(lse_a, lse_b);
    weight_a = std::exp(lse_a - most);
    weight_b = std::exp(lse_b - most);
    lse = most + std::log(weight_a + weight_b);
    const double sum = weight_a + weight_b;
    weight_a /= sum;
    weight_b /= sum;
  }
  kernels.blend_row(a.o.rows.Row(batch, token, head), static_cast<float>(weight_a),
                    b.o.rows.Row(batch, token, head), static_cast<float>(weight_b), out.o.channels,
                    dtype, out.o.rows.Row(batch, token, head));
  *reinterpret_cast<float*>(out.lse.rows.Row(batch, token, head)) = static_cast<float>(lse);
}

int32_t Merge(const moba_engine* handle, const moba_merge_shapes* input, const Pointers& data_a,
              const Pointers& data_b, const Pointers& data_out, void* stream) {
  if (handle == nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "engine is NULL, expected a live engine");
  }
  Engine& engine = *handle->engine;
  const GatePass in_engine(engine.gate);
  if (!in_engine) return Fail(MOBA_CLOSED, "engine was destroyed, expected a live one");
  if (engine.device != nullptr) {
    return Fail(MOBA_UNSUPPORTED,
                "the CUDA backend merges no states, expected an engine of the CPU");
  }
  if (stream != nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "stream is not NULL, expected NULL on the CPU");
  }
  moba_merge_shapes shapes;
  if (const int32_t status = ReadStruct("shapes", input, shapes)) return status;
  if (const int32_t status = CheckLike(shapes.o_a)) return status;
  Side a, b, out;
  if (const int32_t status =
          ReadSide("o_a", "lse_a", Role::kInput, shapes.o_a, shapes.o_a, shapes.lse_a, data_a, a)) {
    return status;
  }
  if (const int32_t status =
          ReadSide("o_b", "lse_b", Role::kInput, shapes.o_a, shapes.o_b, shapes.lse_b, data_b, b)) {
    return status;
  }
  if (const int32_t status =
          ReadSide("o", "lse", Role::kOutput, shapes.o_a, shapes.o, shapes.lse, data_out, out)) {
    return status;
  }
  for (const Tensor* output : {&out.o, &out.lse}) {
    for (const Tensor* other : {&a.o, &a.lse, &b.o, &b.lse}) {
      if (const int32_t status = CheckApart(*output, *other)) return status;
    }
  }
  if (const int32_t status = CheckApart(out.o, out.lse)) return status;

  if (out.o.heads == 0) return MOBA_OK;
  const auto dtype = static_cast<core::DType>(shapes.o_a.dtype);
  const int64_t tokens = out.o.tokens;
  engine.pool->Run(out.o.batch * tokens, [&](int64_t task, int) {
    for (int64_t head = 0; head < out.o.heads; ++head) {
      MergeRow(*engine.kernels, a, b, out, dtype, task / tokens, task % tokens, head);
    }
  });
  return MOBA_OK;
}

}  // namespace
}  // namespace moba::api

extern "C" int32_t moba_merge_states(const moba_engine* engine, const moba_merge_shapes* shapes,
                                     const void* o_a, const float* lse_a, const void* o_b,
                                     const float* lse_b, void* o, float* lse, void* stream) {
  return moba::api::Merge(engine, shapes, {o_a, lse_a}, {o_b, lse_b}, {o, lse}, stream);
}
