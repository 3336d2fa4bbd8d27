// Attention of tiles of 128 queries to ranges of keys, on tensor cores:
//   s = q k^T                              64 x kKeys per warpgroup, fp32
//   m = running maximum of scale s         per query
//   p = 2^(scale s - m), in the storage type
//   l = l 2^(m_old - m) + sum of p         o = o 2^(m_old - m) + p v
// What the queries of a tile are, which keys they see and where results go is the matter of `Work`
// (tensor_cores/item.h).
//
// A block is three warpgroups. One loads: a warp has the copy engine bring keys and values, three
// gather rows of queries. Two compute, 64 queries each, and overlap each other: while one takes
// exponentials, the other one has the tensor cores. Keys of a range that fits into the stages are
// loaded once for all query tiles of an item.
//
// Budget: shared memory as tile.h says; a computing thread holds kKeys / 2 scores, kHeadDim / 2
// outputs and kKeys / 4 packed probabilities of 224 registers.
// Not yet run on a GPU.
#pragma once

#include "cuda/device/copy.h"
#include "cuda/hopper/tile.h"
#include "cuda/tensor_cores/finite.h"
#include "cuda/tensor_cores/query_rows.h"
#include "cuda/tensor_cores/softmax.h"

namespace moba::cuda::hopper {

template <class Work>
struct AttendKernel {
  using Element = typename Work::Element;
  static constexpr int kHeadDim = Work::kHeadDim;
  using Tile = AttendTile<kHeadDim>;
  using ScoreMma = Mma<Element, Tile::kKeys>;
  using OutputMma = Mma<Element, Tile::kOutputChannels>;
  using Output = typename OutputMma::Result;
  static constexpr int kThreads = kAttendThreads;
  static constexpr int64_t kSharedBytes = Tile::kSharedBytes;

  TensorMap k;
  TensorMap v;
  float score_scale;  // log2(e) included
  Work work;

  MOBA_THREAD void operator()(char* shared) const {
    const Shared memory = {shared};
    if (ThreadIndex() == 0) memory.InitBarriers();
    SyncThreads();
    const int warpgroup = WarpUniform(ThreadIndex() / kWarpgroupSize);
    if (warpgroup == 0) {
      GiveRegisters<kLoaderRegisters>();
      if (WarpUniform(ThreadIndex() / kWarpSize) == 0) {
        LoadKeys(memory);
      } else {
        LoadQueries(memory);
      }
    } else {
      TakeRegisters<kConsumerRegisters>();
      Compute(memory, warpgroup - 1);
    }
  }

 private:
  struct Shared {
    char* base;

    MOBA_THREAD char* Queries(int buffer) const { return base + buffer * Tile::kQueryBytes; }
    MOBA_THREAD char* Keys(int stage) const {
      return base + Tile::kStagesAt + stage * 2 * Tile::kKeyBytes;
    }
    MOBA_THREAD char* Values(int stage) const { return Keys(stage) + Tile::kKeyBytes; }

    MOBA_THREAD Barrier& QueriesFull(int buffer) const { return At(buffer); }
    MOBA_THREAD Barrier& QueriesEmpty(int buffer) const { return At(Tile::kQueryBuffers + buffer); }
    MOBA_THREAD Barrier& KeysFull(int stage) const { return AtStage(stage); }
    MOBA_THREAD Barrier& ValuesFull(int stage) const { return AtStage(Tile::kStages + stage); }
    MOBA_THREAD Barrier& StageEmpty(int stage) const { return AtStage(2 * Tile::kStages + stage); }
    // Values of a tile with a mask, before they are full: with what is not finite.
    MOBA_THREAD Barrier& ValuesCame(int stage) const { return AtStage(3 * Tile::kStages + stage); }

    // Keys of a tile whose values were cleared, 32 in a word.
    MOBA_THREAD uint32_t* Flagged(int stage) const {
      return reinterpret_cast<uint32_t*>(base + Tile::kFlaggedAt) + stage * Tile::kFlagWords;
    }

    MOBA_THREAD void InitBarriers() const {
      for (int buffer = 0; buffer < Tile::kQueryBuffers; ++buffer) {
        QueriesFull(buffer).Init(kQueryLoaders);
        QueriesEmpty(buffer).Init(kConsumerWarps);
      }
      for (int stage = 0; stage < Tile::kStages; ++stage) {
        KeysFull(stage).Init(1);
        ValuesFull(stage).Init(1);
        StageEmpty(stage).Init(kConsumerWarps);
        ValuesCame(stage).Init(1);
      }
      FenceBarriers();
    }

   private:
    MOBA_THREAD Barrier& At(int index) const {
      return reinterpret_cast<Barrier*>(base + Tile::kBarriersAt)[index];
    }
    MOBA_THREAD Barrier& AtStage(int index) const { return At(2 * Tile::kQueryBuffers + index); }
  };

  // Keys stay in their stages for all query tiles of the item.
  MOBA_THREAD static bool Stay(const KeyRange& range) {
    return !Work::kOneTile && range.query_tiles > 1 &&
           range.template KeyTiles<Tile::kKeys>() <= Tile::kStages;
  }

  MOBA_THREAD void LoadKeys(const Shared& memory) const {
    Ring<Tile::kStages> ring;
    uint32_t came = 0;  // parities of ValuesCame, a bit for each stage
    for (int64_t index = BlockIndex(); index < work.num_items(); index += GridSize()) {
      const auto item = work.Find(index);
      const KeyRange range = item.range;
      const Unmasked unmasked = work.UnmaskedKeys(item);
      const int rounds = Stay(range) ? 1 : range.query_tiles;
      for (int round = 0; round < rounds; ++round) {
        for (int32_t key = range.first; key < range.end; key += Tile::kKeys) {
          const int stage = ring.place();
          memory.StageEmpty(stage).Wait(ring.parity() ^ 1);
          const bool masked = !unmasked.Holds(key, key + Tile::kKeys);
          if (ThreadIndex() == 0) {
            for (int word = 0; word < Tile::kFlagWords; ++word) memory.Flagged(stage)[word] = 0;
            LoadTile(k, range, key, memory.KeysFull(stage), memory.Keys(stage));
            LoadTile(v, range, key, masked ? memory.ValuesCame(stage) : memory.ValuesFull(stage),
                     memory.Values(stage));
          }
          if (masked) {
            memory.ValuesCame(stage).Wait(came >> stage & 1);
            came ^= 1u << stage;
            for (int word = 0; word < Tile::kFlagWords; ++word) {
              const uint32_t rows = ClearNonFinite<Element, kHeadDim, Tile::kKeyPanelBytes>(
                  memory.Values(stage), word * kWarpSize);
              if (ThreadIndex() == 0) memory.Flagged(stage)[word] = rows;
            }
            FenceForAsync();
            Release(memory.ValuesFull(stage));
          }
          SyncWarp();  // no lane waits for a phase that is two behind
          ring.Advance();
        }
      }
    }
  }

  MOBA_THREAD static void LoadTile(const TensorMap& map, const KeyRange& range, int32_t key,
                                   Barrier& barrier, char* target) {
    barrier.ArriveExpecting(Tile::kKeyBytes);
#pragma unroll
    for (int panel = 0; panel < Tile::kPanels; ++panel) {
      CopyBox(map, barrier, target + panel * Tile::kKeyPanelBytes, panel * kPanelChannels,
              range.token + key, range.kv_head, range.batch);
    }
  }

  // A warp has eight rows at a time: lanes find their addresses, while the copies of the rows
  // before are under way, and pass them round.
  MOBA_THREAD void LoadQueries(const Shared& memory) const {
    constexpr int kRows = 8;
    constexpr int kStep = kRows * (kQueryLoaders / kWarpSize);
    const int lane = ThreadIndex() % kWarpSize;
    const int first_row = (ThreadIndex() / kWarpSize - 1) * kRows;
    Ring<Tile::kQueryBuffers> ring;
    for (int64_t index = BlockIndex(); index < work.num_items(); index += GridSize()) {
      const auto item = work.Find(index);
      for (int tile = 0; tile < item.range.query_tiles; ++tile) {
        const char* own = work.Query(item, tile, first_row + lane % kRows);
        memory.QueriesEmpty(ring.place()).Wait(ring.parity() ^ 1);
        char* const queries = memory.Queries(ring.place());
        for (int row = first_row; row < kTileQueries; row += kStep) {
          const char* const current = own;
          if (row + kStep < kTileQueries) {
            own = work.Query(item, tile, row + kStep + lane % kRows);
          }
          char* const panels = queries + row / 64 * Tile::kPanels * Tile::kQueryPanelBytes;
          CopyQueries<kRows, kHeadDim, Tile::kQueryPanelBytes>(current, panels, row % 64);
        }
        memory.QueriesFull(ring.place()).ArriveWhenCopied();
        ring.Advance();
      }
    }
    CopiesDone();  // before the threads end
  }

  MOBA_THREAD void Compute(const Shared& memory, int consumer) const {
    const int thread = ThreadIndex() % kWarpgroupSize;
    const int row = consumer * 64 + thread / kWarpSize * 16 + thread % kWarpSize / 4;
    Ring<Tile::kStages> stages;
    Ring<Tile::kQueryBuffers> buffers;
    for (int64_t index = BlockIndex(); index < work.num_items(); index += GridSize()) {
      const KeyRange range = work.Find(index).range;
      const bool stay = Stay(range);
      const int tiles = Work::kOneTile ? std::min(range.query_tiles, 1) : range.query_tiles;
      for (int tile = 0; tile < tiles; ++tile) {
        const bool last = Work::kOneTile || tile + 1 == range.query_tiles;
        RowSum sums[2];
        Output o;
        // A warpgroup without queries keeps step with the barriers.
        bool active = false;
        VisibleKeys visible;
        {
          const auto item = work.Find(index);
          active = work.NumQueries(item, tile) > consumer * 64;
          visible = work.Visible(item, tile, row);
        }
        memory.QueriesFull(buffers.place()).Wait(buffers.parity());
        FenceForAsync();
        const char* const queries =
            memory.Queries(buffers.place()) + consumer * Tile::kPanels * Tile::kQueryPanelBytes;
        if (range.first >= range.end) Release(memory.QueriesEmpty(buffers.place()));
        Ring<Tile::kStages> ring = stages;
        for (int32_t key = range.first; key < range.end; key += Tile::kKeys) {
          memory.KeysFull(ring.place()).Wait(ring.parity());
          const bool last_keys = key + Tile::kKeys >= range.end;
          if (active) {
            typename ScoreMma::Result s;
            Score(queries, memory.Keys(ring.place()), s);
            if (last_keys) Release(memory.QueriesEmpty(buffers.place()));
            Mask(visible, key, s);
            float correction[2];
            Exponentiate(score_scale, s, sums, correction);
            memory.ValuesFull(ring.place()).Wait(ring.parity());
            NoteReaders<Tile::kFlagWords>(memory.Flagged(ring.place()), visible, key, sums);
            AddValues(memory.Values(ring.place()), s, correction, key == range.first, o);
          } else {
            if (last_keys) Release(memory.QueriesEmpty(buffers.place()));
            memory.ValuesFull(ring.place()).Wait(ring.parity());
          }
          if (last || !stay) Release(memory.StageEmpty(ring.place()));
          ring.Advance();
        }
        if (last || !stay) stages = ring;
        buffers.Advance();
        // Found once more: kept over the loop, it would take registers from it.
        if (active) {
          work.template Finish<0>(work.Find(index), tile, row, sums[0], o);
          KeepOrder();
          work.template Finish<1>(work.Find(index), tile, row + 8, sums[1], o);
        }
      }
    }
  }

  // When all lanes of the warp have come here.
  MOBA_THREAD static void Release(Barrier& barrier) {
    SyncWarp();
    if (ThreadIndex() % kWarpSize == 0) barrier.Arrive();
  }

  MOBA_THREAD static void Score(const char* queries, const char* keys,
                                typename ScoreMma::Result& s) {
    MmaBegin();
#pragma unroll
    for (int step = 0; step < kHeadDim / 16; ++step) {
      ScoreMma::SharedShared(SumOverChannels(queries + step / 4 * Tile::kQueryPanelBytes, step % 4),
                             SumOverChannels(keys + step / 4 * Tile::kKeyPanelBytes, step % 4), s,
                             step > 0);
    }
    MmaCommit();
    MmaWait<0>();
    ScoreMma::Fence(s);
  }

  MOBA_THREAD static void AddValues(const char* values, const typename ScoreMma::Result& s,
                                    const float (&correction)[2], bool first, Output& o) {
    uint32_t p[Tile::kKeys / 16][4];
#pragma unroll
    for (int step = 0; step < Tile::kKeys / 16; ++step) PackA<Element>(s, step, p[step]);
    if (!first) Correct(correction, o);
    OutputMma::Fence(o);
    MmaBegin();
#pragma unroll
    for (int step = 0; step < Tile::kKeys / 16; ++step) {
      OutputMma::RegistersShared(p[step], SumOverRows(values, step, Tile::kKeyPanelBytes), o,
                                 step > 0 || !first);
    }
    MmaCommit();
    MmaWait<0>();
    OutputMma::Fence(o);
  }
};

}  // namespace moba::cuda::hopper
