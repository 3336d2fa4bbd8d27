// Block centroids (specification, section 2, rule 1) as operands of tensor cores.
#pragma once

#include "core/carver.h"
#include "core/problem.h"
#include "cuda/sequence_table.h"

namespace moba::cuda {

// [kv head][panel of 64 channels][row][128 bytes], swizzled (device/panel.h); zero beyond the
// last channel. A sequence begins at a row that is a multiple of 8, the period of the swizzle: so
// any 8 n of its rows from any 8 m on are contiguous, ready-made operands. Rows between sequences
// are never written, and may be copied.
struct CentroidPanels {
  static constexpr int64_t kRowBytes = 128;
  static constexpr int64_t kRowStep = 8;

  char* data;  // aligned to 16
  int64_t rows;
  int64_t panels;

  static constexpr CentroidPanels In(void* data, int64_t head_dim, int64_t num_centroids,
                                     int64_t num_sequences) {
    return {static_cast<char*>(data), (num_centroids / kRowStep + num_sequences) * kRowStep,
            core::CeilDiv(head_dim, 64)};
  }
  constexpr int64_t Bytes(int64_t num_kv_heads) const {
    return num_kv_heads * panels * rows * kRowBytes;
  }

  constexpr char* Panel(int64_t kv_head, int64_t panel) const {
    return data + (kv_head * panels + panel) * rows * kRowBytes;
  }
  // Of the sequence with that index in the table.
  static constexpr int64_t FirstRow(const SequenceRecord& sequence, int64_t index) {
    return (sequence.centroid_begin / kRowStep + index) * kRowStep;
  }
};

struct TileCentroidArguments {
  core::DType dtype;  // kF16 or kBF16
  core::InputRows k;
  int64_t head_dim;  // see CanRoute
  int64_t num_kv_heads;
  SequenceTable sequences;
  int64_t num_centroids;  // of one kv head
  CentroidPanels panels;
};

Status LaunchTileCentroids(const Queue& queue, const TileCentroidArguments& arguments);

}  // namespace moba::cuda
