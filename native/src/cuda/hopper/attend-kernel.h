// Attention of tiles of 128 queries to ranges of keys, on tensor cores:
//   s = q k^T                              64 x kKeys per warpgroup, fp32
//   m = running maximum of scale s         per query
//   p = 2^(scale s - m), in the storage type
//   l = l 2^(m_old - m) + sum of p         o = o 2^(m_old - m) + p v
// What the queries of a tile are, which keys they see and where results go is the matter of `Work`:
// of gathered.h, which goes from key block to key block, and contiguous.h.
//
// A block is three warpgroups. One loads: a warp has the copy engine bring keys and values, three
// gather rows of queries. Two compute, 64 queries each, and overlap each other: while one takes
// exponentials, the other one has the tensor cores. Keys of a range that fits into the stages are
// loaded once for all query tiles of an item.
//
// A masked key has p = 0, and 0 times NaN is NaN. So in tiles that have a mask, values that are no
// finite numbers become 0 before they are multiplied; a query that does see such a value gets NaN
// for its sum. Queries with a NaN in the end are computed again by the portable kernel, which is
// exact about NaN and infinities; all others have the bits that they have without such values.
//
// Budget: shared memory as tile.h says; a computing thread holds kKeys / 2 scores, kHeadDim / 2
// outputs and kKeys / 4 packed probabilities of 224 registers.
// Not yet run on a GPU.
#pragma once

#include <cfloat>
#include <cmath>

#include "cuda/device/copy.h"
#include "cuda/hopper/finite.h"
#include "cuda/hopper/tile.h"

namespace moba::cuda::hopper {

// A thread has rows `row` and `row` + 8 of a tile; row r of these two sees the keys
// [low[r], high[r]) of the sequence.
struct VisibleKeys {
  int32_t low[2];
  int32_t high[2];
};

// Keys [low, high) are seen by all queries of an item.
struct Unmasked {
  int32_t low;
  int32_t high;

  MOBA_THREAD bool Holds(int32_t first, int32_t end) const { return low <= first && end <= high; }
};

// The keys that the tiles of an item read.
struct KeyRange {
  int64_t batch;
  int64_t token;  // of the sequence's first key
  int64_t kv_head;
  int32_t first;
  int32_t end;
  int32_t query_tiles;  // 0: there is nothing to do
};

// Beyond, 2^(scale s - shift) may overflow, as shift is rounded: such rows are computed again.
inline constexpr float kLargestShift = 16777216.0f;

// Softmax so far, of one row: m, times scale, and the thread's share of l.
struct RowSum {
  float shift = -FLT_MAX;  // finite, so that differences are never NaN
  float sum = 0;
};

template <class ElementType, int kHeadDimension, class Work>
struct AttendKernel {
  using Element = ElementType;
  static constexpr int kHeadDim = kHeadDimension;
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

  MOBA_THREAD static int KeyTiles(const KeyRange& range) {
    return (range.end - range.first + Tile::kKeys - 1) / Tile::kKeys;
  }
  // Keys stay in their stages for all query tiles of the item.
  MOBA_THREAD static bool Stay(const KeyRange& range) {
    return !Work::kOneTile && range.query_tiles > 1 && KeyTiles(range) <= Tile::kStages;
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
            ClearNonFinite(memory.Values(stage), memory.Flagged(stage));
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

  // By a warp, a key each at a time.
  MOBA_THREAD static void ClearNonFinite(char* values, uint32_t* flagged) {
    const int lane = ThreadIndex() % kWarpSize;
    for (int word = 0; word < Tile::kFlagWords; ++word) {
      const int row = word * kWarpSize + lane;
      const auto piece_at = [&](int piece) -> Words& {
        char* const panel = values + piece / 8 * Tile::kKeyPanelBytes;
        return *reinterpret_cast<Words*>(panel + SwizzledOffset(row, piece % 8));
      };
      uint32_t found = 0;
#pragma unroll
      for (int piece = 0; piece < kHeadDim / 8; ++piece) {
        const Words words = piece_at(piece);
#pragma unroll
        for (const uint32_t pair : words.word) found |= NonFinite<Element>(pair);
      }
      for (int piece = 0; found != 0 && piece < kHeadDim / 8; ++piece) {
        StoreForAsync(WithoutNonFinite<Element>(piece_at(piece)), piece_at(piece));
      }
      const uint32_t rows = Ballot(found != 0);
      if (lane == 0) flagged[word] = rows;
    }
  }

  // A warp has eight rows at a time: lanes find their addresses, while the copies of the rows
  // before are under way, and pass them round.
  MOBA_THREAD void LoadQueries(const Shared& memory) const {
    constexpr int kRows = 8;
    constexpr int kPieces = kHeadDim / 8;  // of 16 bytes, of a row
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
#pragma unroll 2
          for (int i = lane; i < kRows * kPieces; i += kWarpSize) {
            const char* const query = Shuffle(current, i / kPieces);
            const int piece = i % kPieces;
            Copy16(query + piece * 16, panels + piece / 8 * Tile::kQueryPanelBytes +
                                           SwizzledOffset(row % 64 + i / kPieces, piece % 8));
          }
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
            Exponentiate(s, sums, correction);
            memory.ValuesFull(ring.place()).Wait(ring.parity());
            NoteReaders(memory.Flagged(ring.place()), visible, key, sums);
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

  MOBA_THREAD static void Mask(const VisibleKeys& visible, int32_t key,
                               typename ScoreMma::Result& s) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int32_t low = visible.low[r] - key;
      const int32_t high = visible.high[r] - key;
      if (low <= 0 && high >= Tile::kKeys) continue;
#pragma unroll
      for (int i = 0; i < Tile::kKeys / 4; ++i) {
        const int32_t column = i / 2 * 8 + ThreadIndex() % 4 * 2 + i % 2;
        if (column < low || column >= high) s[i / 2 * 4 + 2 * r + i % 2] = -INFINITY;
      }
    }
  }

  // A query that sees a value that was cleared has a sum that is NaN.
  MOBA_THREAD static void NoteReaders(const uint32_t* flagged, const VisibleKeys& visible,
                                      int32_t key, RowSum (&sums)[2]) {
    for (int word = 0; word < Tile::kFlagWords; ++word) {
      const uint32_t rows = flagged[word];
      if (rows == 0) continue;
      for (int i = 0; i < kWarpSize; ++i) {
        if ((rows >> i & 1) == 0) continue;
        const int32_t at = key + word * kWarpSize + i;
        for (int r = 0; r < 2; ++r) {
          if (visible.low[r] <= at && at < visible.high[r]) sums[r].sum = NAN;
        }
      }
    }
  }

  MOBA_THREAD void Exponentiate(typename ScoreMma::Result& s, RowSum (&sums)[2],
                                float (&correction)[2]) const {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float most = -FLT_MAX;
#pragma unroll
      for (int i = 0; i < Tile::kKeys / 4; ++i) most = fmaxf(most, s[i / 2 * 4 + 2 * r + i % 2]);
      most = fmaxf(most, ShuffleXor(most, 1));
      most = fmaxf(most, ShuffleXor(most, 2));
      const float shift = fmaxf(sums[r].shift, most * score_scale);
      if (most > -FLT_MAX && fabsf(shift) > kLargestShift) sums[r].sum = NAN;
      correction[r] = Exp2(sums[r].shift - shift);
      sums[r].shift = shift;
      float sum = 0;
#pragma unroll
      for (int i = 0; i < Tile::kKeys / 4; ++i) {
        float& value = s[i / 2 * 4 + 2 * r + i % 2];
        value = Exp2(fmaf(value, score_scale, -shift));
        sum += value;
      }
      sums[r].sum = fmaf(sums[r].sum, correction[r], sum);
    }
  }

  MOBA_THREAD static void AddValues(const char* values, const typename ScoreMma::Result& s,
                                    const float (&correction)[2], bool first, Output& o) {
    uint32_t p[Tile::kKeys / 16][4];
#pragma unroll
    for (int step = 0; step < Tile::kKeys / 16; ++step) PackA<Element>(s, step, p[step]);
    if (!first) {
#pragma unroll
      for (int i = 0; i < Tile::kOutputs; ++i) o[i] *= correction[i / 2 % 2];
    }
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

// Of the four threads that share a row.
MOBA_THREAD float SumOfRow(float value) {
  value += ShuffleXor(value, 1);
  return value + ShuffleXor(value, 2);
}

}  // namespace moba::cuda::hopper
