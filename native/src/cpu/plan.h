// How one kind of run is cut into pieces on the CPU, and how much memory that takes. Immutable.
//
// Where keys and values are not packed, the centroids of all heads are made first. Then a run goes
// through the kv heads in waves. Of each wave first keys, values and their centroids are packed,
// then windows of queries are routed and attended to, one task per (head, window) or, where single
// queries are routed, several heads. Nothing of this cutting shows in the results.
#pragma once

#include <cstdint>

#include "core/carver.h"
#include "core/plan_shape.h"
#include "core/problem.h"
#include "cpu/kernels.h"

namespace moba::cpu {

// Packed keys and values of one wave, centroids of all kv heads.
struct PackedBuffers {
  float* keys;
  float* values;
  float* centroids;
  uint8_t* values_finite;
};

// Sequences with few queries are cut by their keys instead: into parts of so many steps of at most
// kDecodeStepKeys keys, of one block each. Chains of 64 values, of which a step has 2, are added up
// plainly: a row of equal values has a third of the error that the specification allows.
inline constexpr int64_t kPartSteps = 16;
// Shorter blocks are packed for any number of queries.
inline constexpr int64_t kLeastDecodeBlock = 32;

// What such sequences keep between their tasks.
struct DecodeBuffers {
  int32_t* selected;  // of each sequence [head][query][width]
  RowState state;     // of each sequence [part][kv head][query][head of the group]
};

// Memory of one thread.
struct ThreadScratch {
  RowState state;
  int32_t* selected;    // [window row][width]
  int32_t* identity;    // 0, 1, 2, ...: the row list of dense windows
  int64_t* list_begin;  // [blocks + 2]
  int32_t* list_rows;
  double* sums;
  float* decode_queries;  // of the rows of a decoding task, D rounded up to kMostLanes
  float* decode_scores;   // kDecodeStepKeys of each of them
  float* decode_sums;     // kMostSideSums
  PanelScratch panel;
};

struct Plan {
  Plan(const core::PlanShape& shape, const Kernels& kernels, int num_threads);

  core::PlanShape shape;
  const Kernels* kernels;
  decltype(Kernels::pack_centroids) pack_centroids;  // for this processor
  int num_threads;

  int64_t window_rows;    // W
  int64_t wave_kv_heads;  // kv heads packed at once
  int64_t value_stride;   // Dv rounded up to vectors
  int64_t centroid_stride;

  // Per kv head.
  int64_t packed_keys;  // padded to vectors
  int64_t packed_centroids;
  int64_t key_steps;

  int64_t widest_selection;  // of one row
  int64_t most_blocks;       // of one sequence

  PackedBuffers CarvePacked(core::Carver& carver) const;
  DecodeBuffers CarveDecode(core::Carver& carver) const;
  // Of one kv head and a sequence that decodes.
  int64_t MostDecodeRows() const;
  ThreadScratch CarveThread(core::Carver& carver) const;
  core::Sequence* CarveSequences(core::Carver& carver) const;
  int64_t WorkspaceBytes() const;

  // How many of so many tasks may be one, if some are to be left for each thread.
  static int64_t TasksTogether(int64_t tasks, int64_t num_threads);
  // Whether a sequence's rows are met so often that their sums are compensated.
  static bool Compensates(const core::Sequence& sequence);
};

}  // namespace moba::cpu
