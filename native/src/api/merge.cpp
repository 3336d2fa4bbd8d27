// moba_merge_states: attention over a union of key sets from two partial results.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "api/device.h"
#include "core/merge_problem.h"

namespace moba::api {
namespace {

struct Side {
  Tensor o;
  Tensor lse;
};

// What all tensors of a merge have in common.
struct Like {
  const moba_tensor& o;  // dtype and shape
  Device device;
};

struct Pointers {
  const void* o;
  const void* lse;
};

int32_t ReadSide(const char* o_name, const char* lse_name, Role role, const Like& like,
                 const moba_tensor& o, const moba_tensor& lse, const Pointers& data, Side& side) {
  const bool batched = like.o.ndim == 4;
  const int64_t batch = batched ? like.o.shape[0] : -1;
  const int64_t* axes = like.o.shape + (batched ? 1 : 0);
  if (const int32_t status = ReadTensor(
          {o_name, role, like.o.dtype, batched, batch, axes[0], axes[1], axes[2], like.device}, o,
          data.o, side.o)) {
    return status;
  }
  return ReadTensor({lse_name, role, MOBA_F32, batched, batch, axes[0], axes[1], 0, like.device},
                    lse, data.lse, side.lse);
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

void MergeRow(const cpu::Kernels& kernels, const core::MergeProblem& merge, int64_t batch,
              int64_t token, int64_t head) {
  const auto read = [&](const core::InputRows& lse) {
    return static_cast<double>(*reinterpret_cast<const float*>(lse.Row(batch, token, head)));
  };
  const double lse_a = read(merge.lse_a);
  const double lse_b = read(merge.lse_b);
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
  kernels.blend_row(merge.o_a.Row(batch, token, head), static_cast<float>(weight_a),
                    merge.o_b.Row(batch, token, head), static_cast<float>(weight_b), merge.channels,
                    merge.dtype, merge.o.Row(batch, token, head));
  *reinterpret_cast<float*>(merge.lse.Row(batch, token, head)) = static_cast<float>(lse);
}

int32_t Merge(const Engine& engine, const moba_merge_shapes* input, const Pointers& data_a,
              const Pointers& data_b, const Pointers& data_out, void* stream) {
  if (const int32_t status = CheckStream(engine, stream)) return status;
  moba_merge_shapes shapes;
  if (const int32_t status = ReadStruct("shapes", input, shapes)) return status;
  const Like like = {shapes.o_a, DeviceOf(engine)};
  if (const int32_t status = CheckLike(like.o)) return status;
  Side a, b, out;
  if (const int32_t status =
          ReadSide("o_a", "lse_a", Role::kInput, like, shapes.o_a, shapes.lse_a, data_a, a)) {
    return status;
  }
  if (const int32_t status =
          ReadSide("o_b", "lse_b", Role::kInput, like, shapes.o_b, shapes.lse_b, data_b, b)) {
    return status;
  }
  if (const int32_t status =
          ReadSide("o", "lse", Role::kOutput, like, shapes.o, shapes.lse, data_out, out)) {
    return status;
  }
  for (const Tensor* output : {&out.o, &out.lse}) {
    for (const Tensor* other : {&a.o, &a.lse, &b.o, &b.lse}) {
      if (const int32_t status = CheckApart(*output, *other)) return status;
    }
  }
  if (const int32_t status = CheckApart(out.o, out.lse)) return status;

  const core::MergeProblem merge = {.dtype = static_cast<core::DType>(shapes.o_a.dtype),
                                    .o_a = a.o.Input(),
                                    .lse_a = a.lse.Input(),
                                    .o_b = b.o.Input(),
                                    .lse_b = b.lse.Input(),
                                    .o = out.o.rows,
                                    .lse = out.lse.rows,
                                    .batch = out.o.batch,
                                    .tokens = out.o.tokens,
                                    .heads = out.o.heads,
                                    .channels = out.o.channels};
  if (engine.device != nullptr) {
    return FromDevice(engine.device->merge(engine.ordinal, merge, stream));
  }
  if (merge.heads == 0) return MOBA_OK;
  engine.pool->Run(merge.batch * merge.tokens, [&](int64_t task, int) {
    for (int64_t head = 0; head < merge.heads; ++head) {
      MergeRow(*engine.kernels, merge, task / merge.tokens, task % merge.tokens, head);
    }
  });
  return MOBA_OK;
}

}  // namespace
}  // namespace moba::api

extern "C" int32_t moba_merge_states(const moba_engine* engine, const moba_merge_shapes* shapes,
                                     const void* o_a, const float* lse_a, const void* o_b,
                                     const float* lse_b, void* o, float* lse, void* stream) {
  return moba::api::InEngine(engine, [&](const moba::api::Engine& state) {
    return moba::api::Merge(state, shapes, {o_a, lse_a}, {o_b, lse_b}, {o, lse}, stream);
  });
}
