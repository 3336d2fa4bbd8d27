#include "api/run_inputs.h"

#include <iterator>

namespace moba::api {
namespace {

using LongLong = long long;
using core::Operation;

int32_t CheckMaximum(const char* what, int64_t value, int64_t most) {
  if (value <= most) return MOBA_OK;
  return Fail(MOBA_INVALID_ARGUMENT, "this run has %lld %s, expected at most the plan's %lld",
              static_cast<LongLong>(value), what, static_cast<LongLong>(most));
}

int32_t ReadQueryAndKey(const core::PlanShape& shape, const Device& device,
                        const moba_run_shapes& shapes, const Arguments& arguments, Role role,
                        Tensors& tensors) {
  const auto dtype = static_cast<int32_t>(shape.dtype);
  const bool batched = shapes.q.ndim == 4;
  if (const int32_t status =
          ReadTensor({"q", role, dtype, batched, -1, -1, shape.num_heads, shape.head_dim, device},
                     shapes.q, arguments.q, tensors.q)) {
    return status;
  }
  if (const int32_t status = ReadTensor({"k", role, dtype, batched, batched ? tensors.q.batch : -1,
                                         -1, shape.num_kv_heads, shape.head_dim, device},
                                        shapes.k, arguments.k, tensors.k)) {
    return status;
  }
  if (const int32_t status = CheckMaximum("query tokens (of q)", tensors.q.batch * tensors.q.tokens,
                                          shape.max_tokens_q)) {
    return status;
  }
  return CheckMaximum("key tokens (of k)", tensors.k.batch * tensors.k.tokens, shape.max_tokens_k);
}

int32_t ReadAttentionTensors(const core::PlanShape& shape, const Device& device,
                             const moba_run_shapes& shapes, const Arguments& arguments,
                             Tensors& tensors) {
  const auto dtype = static_cast<int32_t>(shape.dtype);
  const bool batched = shapes.q.ndim == 4;
  const int64_t batch = batched ? tensors.q.batch : -1;
  const int64_t tokens = tensors.q.tokens;
  if (const int32_t status = ReadTensor({"v", Role::kInput, dtype, batched, batch, tensors.k.tokens,
                                         shape.num_kv_heads, shape.head_dim_v, device},
                                        shapes.v, arguments.v, tensors.v)) {
    return status;
  }
  if (const int32_t status = ReadTensor({"o", Role::kOutput, dtype, batched, batch, tokens,
                                         shape.num_heads, shape.head_dim_v, device},
                                        shapes.o, arguments.o, tensors.o)) {
    return status;
  }
  if (shapes.lse.ndim == 0) return MOBA_OK;
  return ReadTensor(
      {"lse", Role::kOutput, MOBA_F32, batched, batch, tokens, shape.num_heads, 0, device},
      shapes.lse, arguments.lse, tensors.lse);
}

int32_t ReadSelectionTensor(const core::PlanShape& shape, const Device& device,
                            const moba_run_shapes& shapes, const Arguments& arguments,
                            Tensors& tensors) {
  if (shapes.selected.ndim == 0 && arguments.operation == Operation::kAttend) return MOBA_OK;
  const bool given = arguments.operation == Operation::kAttendSelected;
  const bool batched = shapes.q.ndim == 4;
  const void* data = given ? arguments.selected_in : arguments.selected_out;
  return ReadTensor({"selected", given ? Role::kInput : Role::kOutput, MOBA_I32, batched,
                     batched ? tensors.q.batch : -1, tensors.q.tokens, shape.num_heads, -1, device},
                    shapes.selected, data, tensors.selected);
}

// Outputs share memory with nothing else, and neither do workspace and progress.
int32_t CheckOutputs(const Tensors& tensors, Operation operation, const Tensor& lengths_q,
                     const Tensor& lengths_k, const Tensor& workspace, const Tensor& progress) {
  const bool given = operation == Operation::kAttendSelected;
  const Tensor none;
  const Tensor* const written[] = {&tensors.o, &tensors.lse, given ? &none : &tensors.selected,
                                   &workspace, &progress};
  const Tensor* const read[] = {&tensors.q, &tensors.k,
                                &tensors.v, given ? &tensors.selected : &none,
                                &lengths_q, &lengths_k};
  for (const Tensor* const* output = written; output != std::end(written); ++output) {
    for (const Tensor* input : read) {
      if (const int32_t status = CheckApart(**output, *input)) return status;
    }
    for (const Tensor* const* other = output + 1; other != std::end(written); ++other) {
      if (const int32_t status = CheckApart(**output, **other)) return status;
    }
  }
  return MOBA_OK;
}

// The memory of cu_seqlens, after they were validated.
Tensor Lengths(const char* name, const moba_tensor& tensor, const void* data) {
  if (tensor.ndim == 0) return {};
  return Contiguous(name, static_cast<const char*>(data) + tensor.byte_offset,
                    tensor.shape[0] * ElementSize(tensor.dtype));
}

int32_t ReadSequences(const core::PlanShape& shape, const moba_run_shapes& shapes,
                      const Arguments& arguments, const Tensors& tensors, Sequences& sequences) {
  if (const int32_t status = Sequences::Read(
          tensors.q, tensors.k, shapes.q.ndim == 4, shapes.cu_seqlens_q, arguments.cu_seqlens_q,
          shapes.cu_seqlens_k, arguments.cu_seqlens_k, sequences)) {
    return status;
  }
  return CheckMaximum("sequences", sequences.size(), shape.max_sequences);
}

}  // namespace

int32_t ReadRun(const core::PlanShape& shape, const Device& device, const moba_run_shapes& shapes,
                const Arguments& arguments, const Tensor& workspace, const Tensor& progress,
                Tensors& tensors, Sequences& sequences) {
  if (const int32_t status =
          ReadQueryAndKey(shape, device, shapes, arguments, Role::kInput, tensors)) {
    return status;
  }
  if (arguments.operation != Operation::kRoute) {
    if (const int32_t status = ReadAttentionTensors(shape, device, shapes, arguments, tensors)) {
      return status;
    }
  }
  if (const int32_t status = ReadSelectionTensor(shape, device, shapes, arguments, tensors))
    return status;
  if (const int32_t status = ReadSequences(shape, shapes, arguments, tensors, sequences)) {
    return status;
  }
  return CheckOutputs(tensors, arguments.operation,
                      Lengths("cu_seqlens_q", shapes.cu_seqlens_q, arguments.cu_seqlens_q),
                      Lengths("cu_seqlens_k", shapes.cu_seqlens_k, arguments.cu_seqlens_k),
                      workspace, progress);
}

int32_t ReadRunShapes(const core::PlanShape& shape, const Device& device,
                      const moba_run_shapes& shapes, const Arguments& arguments,
                      Sequences& sequences) {
  Tensors tensors;
  if (const int32_t status =
          ReadQueryAndKey(shape, device, shapes, arguments, Role::kShapeOnly, tensors)) {
    return status;
  }
  return ReadSequences(shape, shapes, arguments, tensors, sequences);
}

}  // namespace moba::api
