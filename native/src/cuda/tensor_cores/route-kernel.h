// Selection of a tile of queries of one head, or of the heads of a group together:
//   S = Q C^T with tensor cores, a tile of centroids at a time, newest blocks first;
//   each row keeps its best blocks while the scores pass by (best_blocks.h): none is ever written.
// For a group, the sum of the heads' scores is <sum of q_h, c>: the rows are summed in fp32, and
// the sum is split into two elements, x = high + low within 2^-18 |x|, that are multiplied into one
// accumulator. So a group costs two heads, however many it has.
//
// A warp has 16 rows, which concern no other warp. How products are made is the kernel's matter,
// which is derived from RouteTile.
//
// Shared memory (RouteLayout):
//   Q         [high, low][panel of 64 channels][kTileRows][128 bytes], swizzled
//   centroids a ring of panels [kTileBlocks][128 bytes], as CentroidPanels has them
//   best      [kTileRows][slots of 8 bytes], an odd number: rows lie in different banks
//
// A score below its row's threshold costs a comparison and its share of a vote: 1.4 instructions of
// a lane. Eight of a lane's scores at a time are looked at again if one in the warp may enter, for
// 9.4 each: only then it matters which blocks compete.
// Limits: tensor cores, 2 D operations a score; below some hundred blocks, finding the best ones.
#pragma once

#include <type_traits>

#include "cuda/device/pack.h"
#include "cuda/device/panel.h"
#include "cuda/eligible.h"
#include "cuda/piece.h"
#include "cuda/tensor_cores/best_blocks.h"
#include "cuda/tensor_cores/route.h"

namespace moba::cuda {

// Scores of a thread that are looked at together, and how many of them are of one row.
inline constexpr int kScoreGroup = 8;
inline constexpr int kRowOfGroup = kScoreGroup / 2;

// How shared memory is shared out. Slots beyond those of one candidate in each score's place for
// some tiles do not pay, so the rest is for the ring. Sizes:
//   kTileRows, kTileBlocks, kSharedMemory, kBarrierBytes, kLeastStages, kMostStages
template <class Sizes>
struct RouteLayout {
  static constexpr int kMostSlots = 129;
  static constexpr int64_t kQueryPanelBytes = Sizes::kTileRows * kPanelRowBytes;
  static constexpr int64_t kPanelBytes = Sizes::kTileBlocks * kPanelRowBytes;

  int32_t panels;
  int32_t terms;  // of a query: 1, or 2 of a group's sum
  int32_t stages;
  int32_t slots;
  bool fits;

  RouteLayout(int64_t head_dim, const core::Options& options) {
    constexpr int64_t kSlotBytes = Sizes::kTileRows * int64_t{sizeof(uint64_t)};
    panels = static_cast<int32_t>(core::CeilDiv(head_dim, int64_t{kPanelChannels}));
    terms = options.per_group ? 2 : 1;
    const int64_t rest =
        Sizes::kSharedMemory - Sizes::kBarrierBytes - panels * terms * kQueryPanelBytes;
    const auto slots_beside = [&](int64_t ring) {
      const int64_t fit = std::min<int64_t>(kMostSlots, (rest - ring * kPanelBytes) / kSlotBytes);
      return static_cast<int32_t>((fit - 1) / 2 * 2 + 1);
    };
    const int places = static_cast<int>(options.top_k);
    // The most channels of a group leave room for two panels only where K is small.
    slots = slots_beside(2);
    if (BestBlocks::Segment(slots, places) < kRowOfGroup) slots = slots_beside(Sizes::kLeastStages);
    stages = static_cast<int32_t>(
        std::min<int64_t>(Sizes::kMostStages, (rest - slots * kSlotBytes) / kPanelBytes));
    fits = BestBlocks::Segment(slots, places) >= kRowOfGroup && stages >= Sizes::kLeastStages;
  }
};

// The blocks that queries of a tile choose from, in tiles that begin at multiples of 8, newest
// first.
template <int kTileBlocks>
struct BlockTiles {
  int32_t begin;
  int32_t end;

  // `last`: the last query's. Others have no more blocks to choose from, and no more need to.
  explicit MOBA_THREAD BlockTiles(const Eligible& last) {
    begin = WarpUniform(last.first / 8 * 8);
    end = WarpUniform(last.Competes() ? (last.first + last.count + 7) / 8 * 8 : begin);
  }
  MOBA_THREAD int count() const { return (end - begin + kTileBlocks - 1) / kTileBlocks; }
  MOBA_THREAD int32_t End(int tile) const { return end - tile * kTileBlocks; }
  MOBA_THREAD int32_t Begin(int tile) const { return std::max(begin, End(tile + 1)); }
};

template <class ElementType, class RouteSizes>
struct RouteTile {
  using Element = ElementType;
  using Sizes = RouteSizes;
  using Layout = RouteLayout<Sizes>;
  using Blocks = BlockTiles<Sizes::kTileBlocks>;
  using Scores = float[Sizes::kTileBlocks / 2];
  static constexpr int kTileBlocks = Sizes::kTileBlocks;
  static constexpr int64_t kSharedBytes = Sizes::kSharedMemory;

  TileRouteArguments a;
  Layout layout;

 protected:
  // Queries of one head, or of a group's heads from the first on.
  struct Task {
    RowTile tile;
    int64_t kv_head;
    int64_t first_head;
  };

  // Of the thread block.
  MOBA_THREAD Task FindTask() const {
    // Late queries have most to do, so they go first.
    const RowTiles tiles = {a.sequences, a.pass, Sizes::kTileRows};
    const int64_t heads = a.options.per_group ? 1 : GroupSize();
    const int64_t tasks = a.pass.num_kv_heads * heads;
    const int64_t task = a.pass.kv_head_begin * heads + BlockIndex() % tasks;
    const int64_t kv_head = task / heads;
    return {tiles.Find(tiles.num_indices() - 1 - BlockIndex() / tasks), kv_head,
            a.options.per_group ? kv_head * GroupSize() : task};
  }
  MOBA_THREAD Blocks BlocksOf(const Task& task) const {
    return Blocks(Eligible(a.options, task.tile.sequence, task.tile.first + task.tile.count - 1));
  }

  // Panel `panel` of a tile of blocks: where it begins, and how long it is.
  MOBA_THREAD const char* Centroids(const Task& task, const Blocks& blocks, int t,
                                    int panel) const {
    const int64_t first_row =
        CentroidPanels::FirstRow(task.tile.sequence, task.tile.sequence_index);
    return a.centroids.Panel(task.kv_head, panel) + (first_row + blocks.Begin(t)) * kPanelRowBytes;
  }
  MOBA_THREAD static int CentroidBytes(const Blocks& blocks, int t) {
    return (blocks.End(t) - blocks.Begin(t)) * kPanelRowBytes;
  }

  // By a warp, for 16 queries: `come` waits until they are in shared memory, where they were
  // written by lanes, and `multiply` makes the scores of the next tile of blocks.
  template <class Come, class Multiply>
  MOBA_THREAD void Select(char* q, uint64_t* best, const Task& task, const Blocks& blocks,
                          const Come& come, const Multiply& multiply) const {
    const RowTile& tile = task.tile;
    const int lane = ThreadIndex() % kWarpSize;
    const int first_row = ThreadIndex() / kWarpSize * 16;
    Row rows[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Row& row = rows[half];
      const int place = first_row + half * 8 + lane / kRowLanes;
      row.query = tile.first + place;
      row.exists = place < tile.count;
      const Eligible eligible(a.options, tile.sequence, row.query);
      const bool competes = row.exists && eligible.Competes();
      row.begin = eligible.first;
      row.end = competes ? eligible.first + eligible.count : eligible.first;
      row.best.Begin(best, place * layout.slots, layout.slots, lane % kRowLanes,
                     static_cast<int>(a.options.top_k), competes ? eligible.places : 0);
    }
    if (blocks.count() > 0) {
      LoadQueries(q, tile, task.first_head, first_row);
      come();
    }
    const auto reduce = [&] {
#pragma unroll
      for (Row& row : rows) {
        row.best.Reduce([&](float score, int32_t block) {
          return Exact(score, block, tile, row.query, task.kv_head, task.first_head);
        });
      }
    };

    for (int t = 0; t < blocks.count(); ++t) {
      Scores scores;
      multiply(t, scores);
      const int32_t column = blocks.Begin(t) + lane % kRowLanes * 2;
#pragma unroll
      for (Row& row : rows) row.EnterTile(column, blocks.End(t));
      Expect(scores, rows);
      Add(scores, column, rows, reduce);
    }
    reduce();
#pragma unroll
    for (const Row& row : rows) {
      if (row.exists) Write(tile, row, task.first_head);
    }
  }

 private:
  static constexpr int64_t kQueryPanelBytes = Layout::kQueryPanelBytes;
  static constexpr int kGroup = kScoreGroup;

  // One of the two rows a thread has scores of, while they pass by.
  struct Row {
    int64_t query;  // of its sequence
    bool exists;
    int32_t begin;  // blocks [begin, end) compete
    int32_t end;
    int32_t skipped;  // those of the tile, counted from the thread's first score: [skipped, +count)
    uint32_t count;
    BestBlocks best;

    MOBA_THREAD void EnterTile(int32_t column, int32_t tile_end) {
      skipped = begin - column;
      count = static_cast<uint32_t>(std::max(std::min(end, tile_end) - begin, 0));
    }
    // `offset`: block of a score, counted from the thread's first.
    MOBA_THREAD bool Competes(int offset) const {
      return static_cast<uint32_t>(offset - skipped) < count;
    }
  };

  MOBA_THREAD int64_t GroupSize() const { return a.num_heads / a.num_kv_heads; }

  // A warp's 16 queries, each lane 8 channels of each: what does not exist is zero.
  MOBA_THREAD void LoadQueries(char* q, const RowTile& tile, int64_t first_head,
                               int first_row) const {
    const int piece = ThreadIndex() % kWarpSize;
    const bool in_panels = piece < layout.panels * (kPanelChannels / kPieceChannels);
    const auto source = [&](int row, int64_t head) {
      return a.q.Row(tile.sequence.batch, tile.sequence.q_begin + tile.first + row, head) +
             piece * int64_t{sizeof(Piece)};
    };
#pragma unroll 4
    for (int row = first_row; row < first_row + 16; ++row) {
      const bool exists = piece * kPieceChannels < a.head_dim && row < tile.count;
      Piece high = {};
      Piece low = {};
      if (!a.options.per_group) {
        if (exists) high = LoadPiece(source(row, first_head));
      } else {
        float sum[kPieceChannels] = {};
        for (int64_t head = 0; exists && head < GroupSize(); ++head) {
          const Piece one = LoadPiece(source(row, first_head + head));
#pragma unroll
          for (int c = 0; c < kPieceChannels; ++c) sum[c] += one.template Channel<Element>(c);
        }
        Split(sum, high, low);
      }
      if (!in_panels) continue;
      char* const target = q + piece / 8 * kQueryPanelBytes + SwizzledOffset(row, piece % 8);
      *reinterpret_cast<Piece*>(target) = high;
      if (a.options.per_group) {
        *reinterpret_cast<Piece*>(target + layout.panels * kQueryPanelBytes) = low;
      }
    }
  }

  // sum * scale = high + low. The scale is one power of two for the row, as large as half precision
  // allows: nothing overflows, and nothing of weight is lost. An infinity has no lower part.
  static MOBA_THREAD void Split(float (&sum)[kPieceChannels], Piece& high, Piece& low) {
    if constexpr (std::is_same_v<Element, F16>) {
      float most = 0;
      for (const float value : sum) {
        if (IsFinite(value)) most = fmaxf(most, fabsf(value));
      }
      for (int mask = kWarpSize / 2; mask > 0; mask /= 2) {
        most = fmaxf(most, ShuffleXor(most, mask));
      }
      constexpr int kMostExponent = 14;
      const int exponent = static_cast<int>(std::bit_cast<uint32_t>(most) >> 23);
      const float scale = std::bit_cast<float>(
          static_cast<uint32_t>(std::min(2 * 127 + kMostExponent - exponent, 254)) << 23);
      for (float& value : sum) value *= scale;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      high.pairs[i] = PackPair(sum[2 * i], sum[2 * i + 1], Element());
      float rest[2];
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const float part = high.template Channel<Element>(2 * i + j);
        rest[j] = IsFinite(part) ? sum[2 * i + j] - part : 0.0f;
      }
      low.pairs[i] = PackPair(rest[0], rest[1], Element());
    }
  }

  static MOBA_THREAD bool IsFinite(float value) {
    return fabsf(value) < std::numeric_limits<float>::infinity();
  }

  // Where a centroid is infinite, so is every part of a group's split query with it, and their sum
  // may be NaN where the heads' is not, or the other way round. The heads' scores are summed then.
  MOBA_THREAD float Exact(float score, int32_t block, const RowTile& tile, int64_t query,
                          int64_t kv_head, int64_t first_head) const {
    if (!a.options.per_group || IsFinite(score)) return score;
    const int64_t row = CentroidPanels::FirstRow(tile.sequence, tile.sequence_index) + block;
    const auto centroid = [&](int channel) {
      const char* const panel = a.centroids.Panel(kv_head, channel / kPanelChannels);
      const int offset = SwizzledOffset(block % 8, channel % kPanelChannels / kPieceChannels);
      return Widen(reinterpret_cast<const Element*>(panel + row / 8 * 8 * kPanelRowBytes +
                                                    offset)[channel % kPieceChannels]);
    };
    bool infinite = false;
    for (int channel = 0; channel < a.head_dim; ++channel) {
      infinite |= fabsf(centroid(channel)) == std::numeric_limits<float>::infinity();
    }
    if (!infinite) return score;
    float sum = 0;
    for (int64_t head = first_head; head < first_head + GroupSize(); ++head) {
      const auto* const q = reinterpret_cast<const Element*>(
          a.q.Row(tile.sequence.batch, tile.sequence.q_begin + query, head));
      for (int channel = 0; channel < a.head_dim; ++channel) {
        sum += Widen(q[channel]) * centroid(channel);
      }
    }
    return sum;
  }

  // Block of a thread's score i, counted from its first, and which of its two rows it is of.
  static constexpr MOBA_THREAD int OffsetOf(int i) { return i / 4 * 8 + i % 2; }
  static constexpr MOBA_THREAD int RowOf(int i) { return i % 4 / 2; }

  // Gives rows that have no threshold one that keeps the first tile from flooding them: if `places`
  // of its pairs of blocks have a score above it, so have `places` blocks. Found by halving between
  // the least and the greatest of the pairs.
  static MOBA_THREAD void Expect(const Scores& scores, Row (&rows)[2]) {
    if (Ballot(rows[0].best.expects_any() || rows[1].best.expects_any()) == 0) return;
    constexpr int kPairs = kTileBlocks / 2 / kRowLanes;
    constexpr int kHalvings = 8;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Row& row = rows[half];
      float pairs[kPairs];
      float low = kInfinity;
      float high = -kInfinity;
      int count = 0;
#pragma unroll
      for (int i = 0; i < kPairs; ++i) {
        const auto score = [&](int j) {
          const float value = scores[i * 4 + half * 2 + j];
          // Of a group's scores, an infinite one may turn out to be NaN.
          return row.Competes(OffsetOf(i * 4 + j)) && value < kInfinity ? value : NAN;
        };
        pairs[i] = fmaxf(score(0), score(1));
        low = fminf(low, pairs[i]);
        high = fmaxf(high, pairs[i]);
        count += pairs[i] == pairs[i];
      }
      low = JoinRow(low, [](float x, float y) { return fminf(x, y); });
      high = JoinRow(high, [](float x, float y) { return fmaxf(x, y); });
      const bool enough = SumOfRow(count) >= row.best.places();
      for (int halving = 0; halving < kHalvings; ++halving) {
        const float middle = 0.5f * low + 0.5f * high;
        count = 0;
#pragma unroll
        for (int i = 0; i < kPairs; ++i) count += pairs[i] >= middle;
        (SumOfRow(count) >= row.best.places() ? low : high) = middle;
      }
      if (enough) row.best.Expect(low);
    }
  }

  // Adds what may be among the best of its row.
  template <class Reduce>
  static MOBA_THREAD void Add(const Scores& scores, int32_t column, Row (&rows)[2],
                              const Reduce& reduce) {
    constexpr int kGroups = kTileBlocks / 2 / kGroup;
    uint32_t groups = 0;  // that have such a score, in some lane
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      bool any = false;
#pragma unroll
      for (int i = g * kGroup; i < (g + 1) * kGroup; ++i) {
        any |= rows[RowOf(i)].best.MayEnter(scores[i]);
      }
      groups |= static_cast<uint32_t>(Ballot(any) != 0) << g;
    }
    while (groups != 0) {
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        if ((groups >> g & 1) == 0) continue;
        if (Ballot(!rows[0].best.HasRoomFor(kRowOfGroup) ||
                   !rows[1].best.HasRoomFor(kRowOfGroup)) != 0) {
          break;
        }
        groups &= ~(1u << g);
#pragma unroll
        for (int i = g * kGroup; i < (g + 1) * kGroup; ++i) {
          Row& row = rows[RowOf(i)];
          if (row.best.MayEnter(scores[i]) && row.Competes(OffsetOf(i))) {
            row.best.Add(scores[i], column + OffsetOf(i));
          }
        }
      }
      if (groups != 0) reduce();
    }
  }

  // Forced blocks and the chosen ones ascending, then -1; the same for every head of the group.
  MOBA_THREAD void Write(const RowTile& tile, const Row& row, int64_t first_head) const {
    const int lane = ThreadIndex() % kRowLanes;
    const Eligible eligible(a.options, tile.sequence, row.query);
    const bool all = eligible.places > 0 && !eligible.Competes();
    const int32_t chosen = all ? eligible.count : row.best.kept();
    const int32_t local_place = eligible.first + chosen;
    const int64_t end = local_place + eligible.visible - eligible.local_begin;
    for (int64_t head = first_head; head < first_head + (a.options.per_group ? GroupSize() : 1);
         ++head) {
      char* const target =
          a.selected.Row(tile.sequence.batch, tile.sequence.q_begin + row.query, head);
      const auto put = [&](int64_t place, int64_t selected) {
        reinterpret_cast<int32_t*>(target)[place * a.selected.channel_stride] =
            static_cast<int32_t>(selected);
      };
      // Chosen without a choice, blocks are at the places of their numbers, as sinks are.
      for (int64_t place = lane; place < (all ? local_place : eligible.first); place += kRowLanes) {
        put(place, place);
      }
      for (int i = lane; i < row.best.kept(); i += kRowLanes) {
        const int32_t block = row.best.Kept(i);
        int32_t before = 0;
        for (int j = 0; j < row.best.kept(); ++j) before += row.best.Kept(j) < block;
        put(eligible.first + before, block);
      }
      for (int64_t place = local_place + lane; place < a.width; place += kRowLanes) {
        put(place, place < end ? eligible.local_begin + place - local_place : -1);
      }
    }
  }
};

// Route: a RouteTile of an element type.
template <template <class> class Route>
Status LaunchRouteKernel(const Queue& queue, const TileRouteArguments& arguments) {
  using Layout = typename Route<F16>::Layout;
  const int64_t heads =
      arguments.options.per_group ? 1 : arguments.num_heads / arguments.num_kv_heads;
  const int64_t tiles =
      RowTiles{arguments.sequences, arguments.pass, Route<F16>::Sizes::kTileRows}.num_indices();
  const int64_t blocks = tiles * arguments.pass.num_kv_heads * heads;
  if (blocks == 0) return Status::Ok();
  const Layout layout(arguments.head_dim, arguments.options);
  return arguments.dtype == core::DType::kF16
             ? LaunchThreads(queue, Route<F16>{{arguments, layout}}, blocks)
             : LaunchThreads(queue, Route<BF16>{{arguments, layout}}, blocks);
}

}  // namespace moba::cuda
