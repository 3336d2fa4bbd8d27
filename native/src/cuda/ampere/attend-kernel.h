// Attention of tiles of 128 queries to ranges of keys, on tensor cores that each warp uses by
// itself:
//   s = q k^T                              16 x kKeys in a warp, fp32
//   m = running maximum of scale s         per query
//   p = 2^(scale s - m), in the storage type
//   l = l 2^(m_old - m) + sum of p         o = o 2^(m_old - m) + p v
// What the queries of a tile are, which keys they see and where results go is the matter of `Work`
// (tensor_cores/item.h), masks and NaN are softmax.h's.
//
// Eight warps have 16 queries each, in registers. Keys and values go round a ring of pieces, which
// all threads load, a whole ring ahead; a piece's place is free when the next piece is begun, as
// the block meets there. Pieces of a range that fits into the ring are loaded once for all query
// tiles of an item, and warps no longer wait for each other. A warp loads its queries of the next
// tile as soon as it has the present ones.
//
// Budget: shared memory as tile.h says, one block on a multiprocessor, 255 registers.
// Limits: shared memory, of which each warp reads every piece: 512 bytes for two products of
// 16 x 8 x 16, which Ampere's tensor cores would do in the same four cycles.
// Not yet run on a GPU.
#pragma once

#include "core/problem.h"
#include "cuda/ampere/operand.h"
#include "cuda/ampere/tile.h"
#include "cuda/device/pack.h"
#include "cuda/device/warp_mma.h"
#include "cuda/tensor_cores/finite.h"
#include "cuda/tensor_cores/query_rows.h"
#include "cuda/tensor_cores/softmax.h"

namespace moba::cuda::ampere {

template <class Work>
struct AttendKernel {
  using Element = typename Work::Element;
  static constexpr int kHeadDim = Work::kHeadDim;
  using Tile = AttendTile<kHeadDim>;
  using Queries = uint32_t[kHeadDim / 16][4];
  using Scores = float[Tile::kKeys / 2];
  using Outputs = float[kHeadDim / 2];
  static constexpr int kThreads = kAttendThreads;
  static constexpr int64_t kSharedBytes = Tile::kSharedBytes;

  core::InputRows k;
  core::InputRows v;
  float score_scale;  // log2(e) included
  Work work;

  MOBA_THREAD void operator()(char* shared) const {
    for (int64_t index = BlockIndex(); index < work.num_items(); index += GridSize()) {
      const auto item = work.Find(index);
      if (item.range.query_tiles == 0) continue;
      const int key_tiles = item.range.template KeyTiles<Tile::kKeys>();
      const bool stay = 2 * key_tiles <= Tile::kPieces;
      Ring ring = {.shared = shared,
                   .range = item.range,
                   .key = item.range.first,
                   .tiles_left = key_tiles * (stay ? 1 : item.range.query_tiles)};
      SyncThreads();  // nobody still reads the pieces of the item before
      if (key_tiles > 0) LoadQueries(ring, item, 0);
      Begin(ring);
      const Unmasked unmasked = work.UnmaskedKeys(item);
      const int tiles = Work::kOneTile ? 1 : item.range.query_tiles;
      for (int tile = 0; tile < tiles; ++tile) Attend(index, tile, unmasked, stay, ring);
    }
  }

 private:
  // The pieces of an item.
  struct Ring {
    char* shared;
    KeyRange range;
    int32_t key;         // first of the tile to be loaded next
    int32_t tiles_left;  // to be loaded
    int place = 1;       // of the piece to be used; before it, of the one to be loaded

    MOBA_THREAD char* Piece(int at) const {
      return shared + Tile::kPiecesAt + at * Tile::kPieceBytes;
    }
    MOBA_THREAD char* Piece() const { return Piece(place); }
    // Keys of a piece of values that were cleared, 32 in a word.
    MOBA_THREAD uint32_t* Flagged() const {
      return reinterpret_cast<uint32_t*>(shared + Tile::kFlaggedAt) + place * Tile::kFlagWords;
    }
    MOBA_THREAD void Advance() { place = (place + 1) % Tile::kPieces; }
  };

  // Loads all of the ring but one piece.
  MOBA_THREAD void Begin(Ring& ring) const {
#pragma unroll 1
    for (int i = 0; i < Tile::kPieces / 2; ++i) {
      Load<false>(ring);
      ring.Advance();
      if (i + 1 == Tile::kPieces / 2) break;
      Load<true>(ring);
      ring.Advance();
    }
  }

  // The next piece is there for all threads, and the one after the last of the ring is on its way.
  template <bool kValues>
  MOBA_THREAD void Next(Ring& ring) const {
    WaitForCopies<Tile::kPieces - 2>();
    SyncThreads();
    Load<!kValues>(ring);
  }

  // Starts the copies of a piece, if there is one more.
  template <bool kValues>
  MOBA_THREAD void Load(Ring& ring) const {
    constexpr int kRowPieces = kHeadDim / 8;  // of 16 bytes
    static_assert(Tile::kKeys * kRowPieces % kThreads == 0);
    if (ring.tiles_left > 0) {
      const core::InputRows& rows = kValues ? v : k;
      const KeyRange& range = ring.range;
      const char* const source = rows.Row(range.batch, range.token, range.kv_head);
      char* const target = ring.Piece((ring.place + Tile::kPieces - 1) % Tile::kPieces);
#pragma unroll
      for (int step = 0; step < Tile::kKeys * kRowPieces / kThreads; ++step) {
        const int row = (step * kThreads + ThreadIndex()) / kRowPieces;
        const int piece = (step * kThreads + ThreadIndex()) % kRowPieces;
        const int32_t key = std::min(ring.key + row, range.end - 1);
        Copy16OrZero(source + key * rows.token_stride * int64_t{sizeof(Element)} + piece * 16,
                     target + piece / 8 * Tile::kKeyPanelBytes + SwizzledOffset(row, piece % 8),
                     ring.key + row < range.end);
      }
      if (kValues) {
        --ring.tiles_left;
        ring.key += Tile::kKeys;
        if (ring.key >= range.end) ring.key = range.first;
      }
    }
    CommitCopies();
  }

  // A warp's own.
  MOBA_THREAD void LoadQueries(const Ring& ring, const typename Work::Item& item, int tile) const {
    const int first = WarpUniform(ThreadIndex() / kWarpSize) * 16;
    if (work.NumQueries(item, tile) <= first) return;
    CopyQueries<16, kHeadDim, Tile::kQueryPanelBytes>(
        work.Query(item, tile, first + ThreadIndex() % 16), ring.shared, first);
  }

  // From a tile of queries to its results.
  MOBA_THREAD void Attend(int64_t index, int tile, const Unmasked& unmasked, bool stay,
                          Ring& ring) const {
    const int first = WarpUniform(ThreadIndex() / kWarpSize) * 16;
    const int row = first + ThreadIndex() % kWarpSize / 4;
    const KeyRange& range = ring.range;
    const bool loads = tile == 0 || !stay;
    VisibleKeys visible;
    bool active = false;
    {
      const auto item = work.Find(index);
      active = work.NumQueries(item, tile) > first;
      visible = work.Visible(item, tile, row);
    }
    RowSum sums[2];
    Outputs o = {};
    Queries q;
    if (stay) ring.place = 0;
    for (int32_t key = range.first; key < range.end; key += Tile::kKeys) {
      const bool masked = !unmasked.Holds(key, key + Tile::kKeys);
      const bool sees = active && AnySees(visible, key);
      // Queries that are kept came before the pieces that are loaded anew.
      if (key == range.first && tile > 0 && (stay || !Tile::kKeepsQueries)) {
        CopiesDone();
        SyncWarp();
      }
      if (loads) Next<false>(ring);
      if (Tile::kKeepsQueries && key == range.first) {
#pragma unroll
        for (int step = 0; step < kHeadDim / 16; ++step) ReadQueries(ring.shared, step, q[step]);
      }
      Scores s;
      float correction[2];
      if (sees) {
        Score(ring.shared, q, ring.Piece(), s);
        Mask(visible, key, s);
        Exponentiate(score_scale, s, sums, correction);
      }
      const bool queries_read =
          Tile::kKeepsQueries ? key == range.first : key + Tile::kKeys >= range.end;
      if (queries_read && tile + 1 < range.query_tiles) {
        SyncWarp();
        LoadQueries(ring, work.Find(index), tile + 1);
      }
      ring.Advance();
      if (loads) {
        Next<true>(ring);
        if (masked) {
          Clear(ring);
          SyncThreads();
        }
      }
      if (sees) {
        if (masked) NoteReaders<Tile::kFlagWords>(ring.Flagged(), visible, key, sums);
        Correct(correction, o);
        AddValues(ring.Piece(), s, o);
      }
      ring.Advance();
    }
    // Found once more: kept over the loop, it would take registers from it.
    if (active) {
      work.template Finish<0>(work.Find(index), tile, row, sums[0], o);
      KeepOrder();
      work.template Finish<1>(work.Find(index), tile, row + 8, sums[1], o);
    }
  }

  MOBA_THREAD static bool AnySees(const VisibleKeys& visible, int32_t key) {
    const auto sees = [&](int r) {
      return visible.low[r] < key + Tile::kKeys && key < visible.high[r];
    };
    return Ballot(sees(0) || sees(1)) != 0;
  }

  // Each warp some rows of the values.
  MOBA_THREAD static void Clear(const Ring& ring) {
    const int word = WarpUniform(ThreadIndex() / kWarpSize);
    if (word >= Tile::kFlagWords) return;
    const uint32_t rows =
        ClearNonFinite<Element, kHeadDim, Tile::kKeyPanelBytes>(ring.Piece(), word * kWarpSize);
    if (ThreadIndex() % kWarpSize == 0) ring.Flagged()[word] = rows;
  }

  // The warp's queries, channels 16 step and on.
  MOBA_THREAD static void ReadQueries(const char* queries, int step, uint32_t (&q)[4]) {
    const int lane = ThreadIndex() % kWarpSize;
    const int first = WarpUniform(ThreadIndex() / kWarpSize) * 16;
    LoadA(queries + step / 4 * Tile::kQueryPanelBytes + OffsetOfRows(lane, first, step % 4), q);
  }

  MOBA_THREAD static void Score(const char* queries, Queries& q, const char* keys, Scores& s) {
    const int lane = ThreadIndex() % kWarpSize;
#pragma unroll
    for (float& score : s) score = 0;
#pragma unroll
    for (int step = 0; step < kHeadDim / 16; ++step) {
      if (!Tile::kKeepsQueries) ReadQueries(queries, step, q[step]);
      MultiplyAdd<Element, Matrices::kColumns>(
          q[step], keys,
          [&](int i) {
            return step / 4 * Tile::kKeyPanelBytes + OffsetOfColumns(lane, 16 * i, step % 4);
          },
          s);
    }
  }

  MOBA_THREAD static void AddValues(const char* values, const Scores& p, Outputs& o) {
    const int lane = ThreadIndex() % kWarpSize;
#pragma unroll
    for (int step = 0; step < Tile::kKeys / 16; ++step) {
      uint32_t a[4];
      PackA<Element>(p, step, a);
      MultiplyAdd<Element, Matrices::kRows>(
          a, values,
          [&](int i) {
            return i / 4 * Tile::kKeyPanelBytes + OffsetOfRows(lane, 16 * step, i % 4);
          },
          o);
    }
  }
};

}  // namespace moba::cuda::ampere
