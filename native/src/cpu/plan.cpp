#include "cpu/plan.h"

#include <algorithm>

namespace moba::cpu {
namespace {

using core::CeilDiv;
using core::RoundUp;

// Tokens packed per wave: enough tasks for all threads on short inputs, little memory on long ones.
constexpr int64_t kWaveTokens = 32 * 1024;
// Merges of a row beyond which fp32 sums drift measurably.
constexpr int64_t kMostPlainMerges = 32;
constexpr int64_t kDenseWindowRows = 512;
constexpr int64_t kLeastWindowRows = 1024;
constexpr int64_t kMostWindowRows = 32768;
constexpr int64_t kMostWindowEntries = int64_t{1} << 22;
constexpr int64_t kTasksPerThread = 6;

// Rows of a window. Larger ones fill the panels of sparse blocks better, but leave fewer tasks to
// share.
int64_t WindowRows(const core::PlanShape& shape, int64_t most_blocks, int64_t width,
                   int num_threads, int64_t wave_heads) {
  int64_t rows = kDenseWindowRows;
  int64_t least = 2 * kPanelRows;
  if (shape.block_size > 0 && width < most_blocks) {
    rows = std::clamp(8 * kPanelRows * most_blocks / std::max<int64_t>(width, 1), kLeastWindowRows,
                      kMostWindowRows);
    least = kLeastWindowRows;
  }
  if (num_threads > 1) {
    const int64_t shared_rows =
        CeilDiv(shape.max_tokens_q * wave_heads, kTasksPerThread * num_threads);
    rows = std::min(rows, std::max(shared_rows, least));
  }
  rows = std::min(rows, kMostWindowEntries / std::max<int64_t>(width, 1));
  // A sequence that decodes is one window.
  rows = std::min(std::max(rows, kMostDecodeQueries), shape.max_tokens_q);
  return std::max(RoundUp(rows, kPanelRows), kPanelRows);
}

// a b; or what is more than any memory, and far from overflowing.
int64_t BoundedProduct(int64_t a, int64_t b) {
  constexpr int64_t kMost = int64_t{1} << 50;
  return a > 0 && b > kMost / a ? kMost : a * b;
}

}  // namespace

Plan::Plan(const core::PlanShape& plan_shape, const Kernels& plan_kernels, int threads)
    : shape(plan_shape),
      kernels(&plan_kernels),
      pack_centroids(ProcessorIsOfAmd() ? kernels->pack_centroids_of_amd : kernels->pack_centroids),
      num_threads(threads) {
  const int64_t lanes = kernels->lanes;
  const int64_t tokens = shape.max_tokens_k;
  const int64_t sequences = std::min(shape.max_sequences, tokens);
  const int64_t block = shape.block_size > 0 ? shape.block_size : std::max<int64_t>(tokens, 1);
  const int64_t blocks = std::min(tokens, tokens / block + sequences);

  most_blocks = CeilDiv(tokens, block);
  widest_selection = shape.block_size > 0
                         ? std::min(std::max(shape.options.top_k, shape.max_selected), most_blocks)
                         : 0;
  value_stride = RoundUp(shape.head_dim_v, kernels->lanes);
  centroid_stride = RoundUp(shape.head_dim, kMostLanes);
  packed_keys = RoundUp(std::min(lanes * tokens, tokens + (lanes - 1) * blocks), lanes);
  packed_centroids = shape.block_size > 0 ? blocks + kFewRows - 1 : 0;
  key_steps = std::min(tokens, tokens / kStepKeys + blocks);

  wave_kv_heads = std::clamp<int64_t>(CeilDiv(kWaveTokens, std::max<int64_t>(tokens, 1)), 1,
                                      shape.num_kv_heads);
  const int64_t wave_heads = wave_kv_heads * (shape.num_heads / shape.num_kv_heads);
  window_rows = WindowRows(shape, most_blocks, widest_selection, num_threads, wave_heads);
}

PackedBuffers Plan::CarvePacked(core::Carver& carver) const {
  PackedBuffers packed;
  packed.keys = carver.Take<float>(wave_kv_heads * packed_keys * shape.head_dim);
  packed.values = carver.Take<float>(wave_kv_heads * shape.max_tokens_k * value_stride);
  packed.centroids = carver.Take<float>(
      BoundedProduct(BoundedProduct(shape.num_kv_heads, packed_centroids), centroid_stride));
  packed.values_finite = carver.Take<uint8_t>(wave_kv_heads * key_steps);
  return packed;
}

int64_t Plan::MostDecodeRows() const {
  const int64_t group = shape.num_heads / shape.num_kv_heads;
  return std::min(kMostDecodeRows, std::min(kMostDecodeQueries, shape.max_tokens_q) * group);
}

// Bounds of what sequences that decode can need: one of n keys has at most n c / B + 1 steps, c
// being the steps of a block of B keys, so its parts are n c / B / kPartSteps + 1.
DecodeBuffers Plan::CarveDecode(core::Carver& carver) const {
  const int64_t tokens = shape.max_tokens_k;
  const int64_t sequence_rows = MostDecodeRows() * shape.num_kv_heads;
  const int64_t rows =
      std::min(BoundedProduct(sequence_rows, std::min(shape.max_sequences, tokens)),
               BoundedProduct(shape.max_tokens_q, shape.num_heads));
  const int64_t block = std::clamp<int64_t>(shape.block_size > 0 ? shape.block_size : tokens,
                                            kLeastDecodeBlock, std::max(tokens, kLeastDecodeBlock));
  const int64_t steps = CeilDiv(tokens, block) * CeilDiv(block, kDecodeStepKeys);
  const int64_t states = BoundedProduct(sequence_rows, CeilDiv(steps, kPartSteps)) + rows;
  DecodeBuffers buffers = {};
  buffers.selected = carver.Take<int32_t>(BoundedProduct(rows, widest_selection));
  buffers.state.o_stride = RoundUp(shape.head_dim_v, kMostLanes);
  buffers.state.o = carver.Take<float>(BoundedProduct(states, buffers.state.o_stride));
  buffers.state.m = carver.Take<float>(states);
  buffers.state.l = carver.Take<float>(states);
  return buffers;
}

ThreadScratch Plan::CarveThread(core::Carver& carver) const {
  const int64_t rows = window_rows;
  ThreadScratch scratch;
  scratch.state.o_stride = value_stride;
  scratch.state.o = carver.Take<float>(rows * value_stride);
  scratch.state.m = carver.Take<float>(rows);
  scratch.state.l = carver.Take<float>(rows);
  const int64_t sparse_merges =
      widest_selection * CeilDiv(std::max<int64_t>(shape.block_size, 1), kChunkKeys);
  const int64_t most_merges = std::max(CeilDiv(shape.max_tokens_k, kChunkKeys), sparse_merges);
  const bool compensated = most_merges > kMostPlainMerges;
  scratch.state.o_error = carver.Take<float>(compensated ? rows * value_stride : 0);
  scratch.state.l_error = carver.Take<float>(compensated ? rows : 0);
  scratch.selected = carver.Take<int32_t>(rows * widest_selection);
  scratch.identity = carver.Take<int32_t>(rows);
  scratch.list_begin = carver.Take<int64_t>(most_blocks + 2);
  scratch.list_rows = carver.Take<int32_t>(rows * widest_selection);
  scratch.sums = carver.Take<double>(std::min(shape.num_kv_heads, kMostSideHeads) *
                                     RoundUp(shape.head_dim, kMostLanes));
  const int64_t side_rows = kMostSideHeads * MostSideRows(shape.dtype);
  const int64_t decode_rows =
      std::max(MostDecodeRows(), std::min(MostDecodeRows() * shape.num_kv_heads, side_rows));
  scratch.decode_queries = carver.Take<float>(decode_rows * RoundUp(shape.head_dim, kMostLanes));
  scratch.decode_scores = carver.Take<float>(decode_rows * kDecodeStepKeys);
  scratch.decode_sums = carver.Take<float>(kMostSideSums);
  scratch.panel.queries = carver.Take<float>(shape.head_dim * kMostSlab);
  scratch.panel.scores = carver.Take<float>(kStepKeys * kPanelRows);
  scratch.panel.output = carver.Take<float>(value_stride * kPanelRows);
  scratch.panel.widened =
      carver.Take<float>(kMostSlab * RoundUp(std::max(shape.head_dim, shape.head_dim_v), 16));
  scratch.panel.candidates = carver.Take<uint64_t>(kMostSlab * widest_selection);
  return scratch;
}

core::Sequence* Plan::CarveSequences(core::Carver& carver) const {
  return carver.Take<core::Sequence>(shape.max_sequences);
}

int64_t Plan::WorkspaceBytes() const {
  core::Carver carver(nullptr);
  CarveSequences(carver);
  CarvePacked(carver);
  CarveDecode(carver);
  for (int thread = 0; thread < num_threads; ++thread) CarveThread(carver);
  return carver.used();
}

int64_t Plan::TasksTogether(int64_t tasks, int64_t num_threads) {
  constexpr int64_t kLeft = 4;
  return std::max<int64_t>(1, tasks / (kLeft * num_threads));
}

bool Plan::Compensates(const core::Sequence& sequence) {
  const int64_t merges =
      sequence.dense ? CeilDiv(sequence.k_len, kChunkKeys)
                     : sequence.most_selected *
                           CeilDiv(std::min(sequence.block_size, sequence.k_len), kChunkKeys);
  return merges > kMostPlainMerges;
}

}  // namespace moba::cpu
