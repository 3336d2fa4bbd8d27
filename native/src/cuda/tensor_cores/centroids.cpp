// c_j = mean of the keys of block j: summed in fp64, divided, rounded to fp32, then to the storage
// type; written where CentroidPanels says.
//
// A thread block per (kv head, key block). A thread has 8 channels and every n-th key, four loads
// of 16 bytes under way; the sums of the threads are joined in the order of their first keys, so
// the result is always the same.
//   shared memory: a double per thread and channel, 16 KiB; the sums of a channel side by side
//   registers:     16 of sums, 16 of loads
// Every key is read once, and reading is what limits it. Not yet run on a GPU.
#include "cuda/tensor_cores/centroids.h"

#include "cuda/device/panel.h"
#include "cuda/piece.h"

namespace moba::cuda {
namespace {

constexpr int kLoads = 4;

template <class Element>
struct CentroidsInPanels {
  static constexpr int kThreads = 256;
  static constexpr int64_t kSharedBytes = kThreads * kPieceChannels * sizeof(double);

  TileCentroidArguments a;

  MOBA_THREAD void operator()(char* shared) const {
    const int64_t kv_head = BlockIndex() / a.num_centroids;
    const int64_t place = BlockIndex() % a.num_centroids;
    const int64_t s = a.sequences.template IndexOf<&SequenceRecord::centroid_begin>(place);
    const SequenceRecord sequence = a.sequences.records[s];
    const int64_t block = place - sequence.centroid_begin;
    const int64_t first = block * sequence.block_size;
    const int64_t end = std::min<int64_t>(first + sequence.block_size, sequence.k_len);

    const int pieces = static_cast<int>(a.head_dim) / kPieceChannels;
    const int parts = kThreads / pieces;  // that the keys are split into
    const int thread = ThreadIndex();
    const int piece = thread % pieces;
    double sums[kPieceChannels] = {};
    if (thread / pieces < parts) {
      for (int64_t key = first + thread / pieces; key < end; key += kLoads * parts) {
        Piece loaded[kLoads] = {};  // zeros beyond the end
#pragma unroll
        for (int i = 0; i < kLoads; ++i) {
          if (key + i * parts >= end) break;
          loaded[i] =
              LoadPiece(a.k.Row(sequence.batch, sequence.k_begin + key + i * parts, kv_head) +
                        piece * int64_t{sizeof(Piece)});
        }
#pragma unroll
        for (int i = 0; i < kLoads; ++i) {
#pragma unroll
          for (int c = 0; c < kPieceChannels; ++c) {
            sums[c] += static_cast<double>(loaded[i].template Channel<Element>(c));
          }
        }
      }
    }
    auto* const joined = reinterpret_cast<double*>(shared);
    for (int c = 0; c < kPieceChannels; ++c) joined[c * kThreads + thread] = sums[c];
    SyncThreads();
    if (thread >= a.panels.panels * kPanelChannels) return;
    double sum = 0;
    for (int part = 0; part < parts && thread < a.head_dim; ++part) {
      sum += joined[thread % kPieceChannels * kThreads + part * pieces + thread / kPieceChannels];
    }
    const int channel = thread % kPanelChannels;
    const int64_t row = CentroidPanels::FirstRow(sequence, s) + block;
    char* const target =
        a.panels.Panel(kv_head, thread / kPanelChannels) +
        row / CentroidPanels::kRowStep * (CentroidPanels::kRowStep * kPanelRowBytes) +
        SwizzledOffset(static_cast<int>(row % CentroidPanels::kRowStep), channel / kPieceChannels);
    Narrow(static_cast<float>(sum / static_cast<double>(end - first)),
           reinterpret_cast<Element*>(target)[channel % kPieceChannels]);
  }
};

}  // namespace

Status LaunchTileCentroids(const Queue& queue, const TileCentroidArguments& arguments) {
  const int64_t blocks = arguments.num_kv_heads * arguments.num_centroids;
  if (blocks == 0) return Status::Ok();
  return arguments.dtype == core::DType::kF16
             ? LaunchThreads(queue, CentroidsInPanels<F16>{arguments}, blocks)
             : LaunchThreads(queue, CentroidsInPanels<BF16>{arguments}, blocks);
}

}  // namespace moba::cuda
