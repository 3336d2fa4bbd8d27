// The sequences of a run in device memory. They travel there in the parameters of a kernel, so no
// host memory has to outlive the call, nothing is waited for, and a CUDA graph can hold the run.
#pragma once

#include "core/plan_shape.h"
#include "core/problem.h"
#include "cuda/block.h"
#include "core/sequence_source.h"

namespace moba::cuda {

struct SequenceRecord {
  int64_t batch;    // index on the batch axis (0 when packed)
  int64_t q_begin;  // first token on the token axis
  int64_t k_begin;
  int64_t row_begin;       // queries of the sequences before
  int64_t centroid_begin;  // centroids of the sequences before
  int64_t part_begin;      // parts of the sequences before
  int32_t q_len;
  int32_t k_len;
  int32_t block_size;  // at most k_len; 1 without keys
  int32_t dense;       // every visible block is selected, so there are no centroids
  // What tensor cores sum at once. Each block, or all keys of a dense sequence, are `parts` parts.
  int32_t parts;
  int32_t part_size;

  // Last key that query i sees, or negative (specification, section 1).
  MOBA_DEVICE int64_t LastVisibleKey(int64_t i, bool causal) const {
    return causal ? int64_t{k_len} - q_len + i : int64_t{k_len} - 1;
  }
  // Blocks with a key that query i sees. Causal: the last of them is its own.
  MOBA_DEVICE int64_t NumVisibleBlocks(int64_t i, bool causal) const {
    const int64_t last_key = LastVisibleKey(i, causal);
    return last_key < 0 ? 0 : last_key / block_size + 1;
  }

  // Parts are numbered from the first key on; a last block may have fewer.
  constexpr int32_t PartOf(int64_t key) const {
    const auto index = static_cast<uint32_t>(key);
    const uint32_t in_whole = index % Whole() / static_cast<uint32_t>(part_size);
    return static_cast<int32_t>(index / Whole()) * parts + static_cast<int32_t>(in_whole);
  }
  constexpr int64_t FirstKey(int32_t part) const {
    return int64_t{part / parts} * Whole() + int64_t{part % parts} * part_size;
  }
  constexpr int64_t EndKey(int32_t part) const {
    const int64_t end_of_whole = (int64_t{part / parts} + 1) * Whole();
    return std::min(std::min(FirstKey(part) + part_size, end_of_whole), int64_t{k_len});
  }

 private:
  constexpr uint32_t Whole() const {
    return static_cast<uint32_t>(dense != 0 ? k_len : block_size);
  }
};

struct SequenceTable {
  const SequenceRecord* records;
  int64_t size;

  // The sequence that holds `index`, counted over all sequences from *begin on. Of the empty ones
  // that begin at the same place as it, it is the last.
  template <int64_t SequenceRecord::*begin>
  MOBA_DEVICE SequenceRecord Find(int64_t index) const {
    return records[IndexOf<begin>(index)];
  }
  template <int64_t SequenceRecord::*begin>
  MOBA_DEVICE int64_t IndexOf(int64_t index) const {
    int64_t low = 0;
    for (int64_t high = size; high - low > 1;) {
      const int64_t middle = low + (high - low) / 2;
      (records[middle].*begin <= index ? low : high) = middle;
    }
    return low;
  }
};

struct SequenceTotals {
  int64_t rows = 0;         // queries
  int64_t centroids = 0;    // of one kv head
  int64_t parts = 0;        // of one kv head
  bool routes = false;      // some sequence has more blocks than are selected
  bool sparse = false;      // some sequence is not dense
  bool cut = false;         // some block, or dense sequence, has several parts
  int64_t longest_sum = 0;  // most keys of a block, or of a dense sequence
  int64_t batches = 0;      // of the batch axis, as far as it is used
  int64_t key_tokens = 0;   // of the token axis of keys, likewise
  bool alike = true;        // all sequences have the same lengths
};

// Reads `count` sequences and enqueues their way into `records`. No part has more than
// `longest_sum` keys.
Status StoreSequences(const Queue& queue, const core::PlanShape& shape, core::Operation operation,
                      const core::SequenceSource& source, int64_t count, int64_t longest_sum,
                      SequenceRecord* records, SequenceTotals& totals);

}  // namespace moba::cuda
