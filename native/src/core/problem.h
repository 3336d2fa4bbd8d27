// One validated run as the backends see it: plain data, trusted, nothing of the C interface.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "core/dtype.h"

namespace moba::core {

// The rows of a [batch, token, head, channel] tensor; channels are contiguous. Strides in elements.
template <typename Byte>
struct RowView {
  Byte* data = nullptr;
  int64_t element_size = 0;
  int64_t batch_stride = 0;
  int64_t token_stride = 0;
  int64_t head_stride = 0;
  int64_t channel_stride = 1;  // only lse and selections may have another

  constexpr explicit operator bool() const { return data != nullptr; }

  constexpr Byte* Row(int64_t batch, int64_t token, int64_t head) const {
    return data + element_size * (batch * batch_stride + token * token_stride + head * head_stride);
  }

  // The int32 at `place` of a row. Memory of the caller, who may write to it meanwhile.
  int32_t* Entry(Byte* row, int64_t place) const requires(!std::is_const_v<Byte>) {
    return reinterpret_cast<int32_t*>(row + place * channel_stride * element_size);
  }
  int32_t Entry(Byte* row, int64_t place) const requires(std::is_const_v<Byte>) {
    return __atomic_load_n(
        reinterpret_cast<const int32_t*>(row + place * channel_stride * element_size),
        __ATOMIC_RELAXED);
  }
};
using InputRows = RowView<const char>;
using OutputRows = RowView<char>;

struct Options {
  bool causal = true;
  bool per_group = false;
  int64_t top_k = 0;
  int64_t sink_blocks = 0;
  int64_t local_blocks = 1;
  float score_scale = 1.0f;  // softmax_scale * log2(e): probabilities are powers of two
};

// One sequence of the batch, and where its share of the packed buffers begins.
struct Sequence {
  int64_t batch;    // index on the batch axis (0 when packed)
  int64_t q_begin;  // first token on the token axis
  int64_t q_len;
  int64_t k_begin;
  int64_t k_len;

  int64_t block_size;  // B; all keys of the sequence when it is attended to in full
  int64_t num_blocks;
  bool dense;             // every visible block is selected
  int64_t most_selected;  // blocks of the row that selects most, unless dense

  int64_t key_offset;       // in packed keys (rounded up to key tiles per block)
  int64_t value_offset;     // in keys
  int64_t centroid_offset;  // in packed centroids (rounded up to key tiles)
  int64_t step_offset;      // in key steps
  int64_t pack_offset;      // in packing tasks of one kv head
  int64_t mean_offset;      // in tasks of block means, where keys are not packed
  int64_t window_offset;    // in query windows of one head

  bool decodes;           // few queries: keys and values are read where they lie
  int64_t choice_offset;  // in entries of the selections of such sequences
  int64_t side_heads;     // kv heads of one task of such a sequence
  int64_t part_offset;    // in these tasks
  int64_t state_offset;   // in rows of their parts' states

  // Last key that query i sees, or -1 (specification, section 1).
  int64_t LastVisibleKey(int64_t i, bool causal) const {
    return causal ? k_len - q_len + i : k_len - 1;
  }
  int64_t BlockLength(int64_t block) const {
    return std::min(block_size, k_len - block * block_size);
  }
};

enum class Operation { kRoute, kAttend, kAttendSelected };

struct Problem {
  Operation operation;
  DType dtype;
  Options options;
  int64_t num_heads;
  int64_t num_kv_heads;
  int64_t head_dim;
  int64_t head_dim_v;
  InputRows q;
  InputRows k;
  InputRows v;
  OutputRows o;             // absent when only routing
  OutputRows lse;           // optional; one float per row
  OutputRows selected_out;  // optional; selected_width int32 per row
  InputRows selected_in;    // kAttendSelected
  int64_t selected_width;   // K' of whichever selection is present
  const Sequence* sequences;
  int64_t num_sequences;

  int64_t GroupSize() const { return num_heads / num_kv_heads; }

  // Blocks that a row of the sequence selects at most; 0 when it is attended to in full.
  int64_t SelectionWidth(const Sequence& sequence) const {
    if (sequence.dense) return 0;
    return std::min(operation == Operation::kAttendSelected ? selected_width : options.top_k,
                    sequence.num_blocks);
  }
};

}  // namespace moba::core
