// Lengths of the sequences of a run, from cu_seqlens, a batch axis, or neither.
#pragma once

#include <cstdint>

#include "api/error.h"
#include "api/tensors.h"
#include "core/problem.h"

namespace moba::api {

// Where the sequences of one side (queries or keys) begin.
class Offsets {
 public:
  // One sequence per batch entry, each as long as the token axis.
  Offsets(int64_t batch, int64_t tokens) : num_sequences_(batch), tokens_(tokens) {}
  // Packed; `values` are cu_seqlens.
  Offsets(const moba_tensor& tensor, const void* values)
      : num_sequences_(tensor.shape[0] - 1),
        tokens_(-1),
        values_(static_cast<const char*>(values) + tensor.byte_offset),
        wide_(tensor.dtype == MOBA_I64) {}

  int64_t num_sequences() const { return num_sequences_; }
  // Token at which sequence `index` begins. Memory of the caller: may change between calls.
  int64_t Begin(int64_t index) const {
    if (values_ == nullptr) return 0;
    return wide_ ? reinterpret_cast<const int64_t*>(values_)[index]
                 : reinterpret_cast<const int32_t*>(values_)[index];
  }
  bool packed() const { return values_ != nullptr; }
  int64_t tokens() const { return tokens_; }

 private:
  int64_t num_sequences_;
  int64_t tokens_;
  const char* values_ = nullptr;
  bool wide_ = false;
};

// The sequences of a run; validated one by one as they are read.
class Sequences {
 public:
  // `cu_q` and `cu_k` may be absent (ndim 0).
  static int32_t Read(const Tensor& q, const Tensor& k, bool batched, const moba_tensor& cu_q,
                      const void* cu_q_data, const moba_tensor& cu_k, const void* cu_k_data,
                      Sequences& result);

  int64_t size() const { return q_.num_sequences(); }

  // Reads the next sequence, in order; `previous` is nullptr for the first.
  int32_t Next(int64_t index, const core::Sequence* previous, core::Sequence& result) const;

 private:
  int64_t tokens_q_ = 0;
  int64_t tokens_k_ = 0;
  Offsets q_{0, 0};
  Offsets k_{0, 0};
  const char* q_name_ = "cu_seqlens_q";
  const char* k_name_ = "cu_seqlens_k";
};

}  // namespace moba::api
