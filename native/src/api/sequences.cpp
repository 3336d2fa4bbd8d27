#include "api/sequences.h"

#include <limits>

namespace moba::api {
namespace {

using LongLong = long long;

int32_t CheckOffsets(const char* name, const moba_tensor& tensor, const void* data) {
  if (const int32_t status = CheckPlacement(name, tensor, Device{})) return status;
  if (tensor.dtype != MOBA_I32 && tensor.dtype != MOBA_I64) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.dtype is %s (%d), expected I32 or I64", name,
                DTypeName(tensor.dtype), tensor.dtype);
  }
  if (tensor.ndim != 1) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.ndim is %d, expected 1", name, tensor.ndim);
  }
  if (tensor.shape[0] < 2) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.shape[0] is %lld, expected sequences + 1, at least 2",
                name, static_cast<LongLong>(tensor.shape[0]));
  }
  if (tensor.stride[0] != 1) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.stride[0] is %lld, expected 1", name,
                static_cast<LongLong>(tensor.stride[0]));
  }
  uintptr_t address = 0;
  return ReadAddress(name, tensor, data, address);
}

// One side of one sequence of a packed batch.
int32_t CheckEntry(const char* name, int64_t index, int64_t count, int64_t begin, int64_t end,
                   int64_t total) {
  if (index == 0 && begin != 0) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s[0] is %lld, expected 0", name,
                static_cast<LongLong>(begin));
  }
  if (end < begin) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s[%lld] is %lld, expected at least %s[%lld] = %lld", name,
                static_cast<LongLong>(index + 1), static_cast<LongLong>(end), name,
                static_cast<LongLong>(index), static_cast<LongLong>(begin));
  }
  if (index + 1 == count ? end != total : end > total) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s[%lld] is %lld, expected %s%lld tokens", name,
                static_cast<LongLong>(index + 1), static_cast<LongLong>(end),
                index + 1 == count ? "the total of " : "at most ", static_cast<LongLong>(total));
  }
  return MOBA_OK;
}

int32_t CheckLength(const char* what, int64_t index, int64_t length) {
  if (length <= std::numeric_limits<int32_t>::max()) return MOBA_OK;
  return Fail(MOBA_UNSUPPORTED, "sequence %lld has %lld %s, expected fewer than 2^31",
              static_cast<LongLong>(index), static_cast<LongLong>(length), what);
}

}  // namespace

int32_t Sequences::Read(const Tensor& q, const Tensor& k, bool batched, const moba_tensor& cu_q,
                        const void* cu_q_data, const moba_tensor& cu_k, const void* cu_k_data,
                        Sequences& result) {
  const bool has_q = cu_q.ndim != 0;
  const bool has_k = cu_k.ndim != 0;
  if (batched && (has_q || has_k)) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "%s is given for tensors with a batch axis, expected it only with packed tensors",
                has_q ? "cu_seqlens_q" : "cu_seqlens_k");
  }
  if (has_q) {
    if (const int32_t status = CheckOffsets("cu_seqlens_q", cu_q, cu_q_data)) return status;
  }
  if (has_k) {
    if (const int32_t status = CheckOffsets("cu_seqlens_k", cu_k, cu_k_data)) return status;
  }
  if (has_q != has_k && q.tokens != k.tokens) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "%s is missing, expected both cu_seqlens when q has %lld tokens and k has %lld",
                has_q ? "cu_seqlens_k" : "cu_seqlens_q", static_cast<LongLong>(q.tokens),
                static_cast<LongLong>(k.tokens));
  }
  result.tokens_q_ = q.tokens;
  result.tokens_k_ = k.tokens;
  if (!has_q && !has_k) {
    result.q_ = Offsets(q.batch, q.tokens);
    result.k_ = Offsets(k.batch, k.tokens);
    return MOBA_OK;
  }
  result.q_ = has_q ? Offsets(cu_q, cu_q_data) : Offsets(cu_k, cu_k_data);
  result.k_ = has_k ? Offsets(cu_k, cu_k_data) : Offsets(cu_q, cu_q_data);
  result.q_name_ = has_q ? "cu_seqlens_q" : "cu_seqlens_k";
  result.k_name_ = has_k ? "cu_seqlens_k" : "cu_seqlens_q";
  if (result.q_.num_sequences() != result.k_.num_sequences()) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "cu_seqlens_k has %lld sequences, expected %lld as in "
                "cu_seqlens_q",
                static_cast<LongLong>(result.k_.num_sequences()),
                static_cast<LongLong>(result.q_.num_sequences()));
  }
  return MOBA_OK;
}

int32_t Sequences::Next(int64_t index, const core::Sequence* previous,
                        core::Sequence& result) const {
  result = {};
  if (!q_.packed()) {
    result.batch = index;
    result.q_len = q_.tokens();
    result.k_len = k_.tokens();
  } else {
    // Each offset is read once: what was checked is what is used.
    result.q_begin = previous == nullptr ? q_.Begin(0) : previous->q_begin + previous->q_len;
    result.k_begin = previous == nullptr ? k_.Begin(0) : previous->k_begin + previous->k_len;
    const int64_t q_end = q_.Begin(index + 1);
    const int64_t k_end = k_.Begin(index + 1);
    if (const int32_t status =
            CheckEntry(q_name_, index, size(), result.q_begin, q_end, tokens_q_)) {
      return status;
    }
    if (const int32_t status =
            CheckEntry(k_name_, index, size(), result.k_begin, k_end, tokens_k_)) {
      return status;
    }
    result.q_len = q_end - result.q_begin;
    result.k_len = k_end - result.k_begin;
  }
  if (const int32_t status = CheckLength("queries", index, result.q_len)) return status;
  return CheckLength("keys", index, result.k_len);
}

}  // namespace moba::api
