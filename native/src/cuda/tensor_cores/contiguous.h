// Query-major attention: an item is a tile of neighbouring queries of one kv head, with all the
// heads that share it. Of a block-sparse run each sees its own block, and the partial results of
// the other blocks that it selected are merged in; a full one sees all keys up to its own.
#pragma once

#include "cuda/pass.h"
#include "cuda/selection_row.h"
#include "cuda/tensor_cores/attend.h"
#include "cuda/tensor_cores/partial.h"
#include "cuda/tensor_cores/softmax.h"

namespace moba::cuda {

template <class ElementType, int kHeadDimension>
struct Contiguous {
  using Element = ElementType;
  static constexpr int kHeadDim = kHeadDimension;
  static constexpr bool kOneTile = true;

  core::InputRows q;
  core::OutputRows o;
  core::OutputRows lse;      // optional
  core::InputRows selected;  // not read of dense sequences
  int64_t width;
  int64_t slots;  // of partial results: a valid selection ends there
  bool causal;
  RowTiles tiles;
  int64_t group_size;
  int64_t num_rows;  // queries of all sequences
  PartialMemory partials;
  // Rows that are to be computed again, as head * num_rows + row.
  int64_t* again;
  int32_t* num_again;

  static Contiguous Of(const TileAttendArguments& arguments) {
    const AttendArguments& rows = arguments.rows;
    const int64_t group_size = rows.num_heads / rows.num_kv_heads;
    return {
        .q = rows.q,
        .o = rows.o,
        .lse = rows.lse,
        .selected = rows.selected,
        .width = rows.width,
        .slots = arguments.slots,
        .causal = rows.causal,
        .tiles = {rows.sequences, arguments.pass, static_cast<int32_t>(kTileQueries / group_size)},
        .group_size = group_size,
        .num_rows = rows.num_rows,
        .partials = arguments.partials,
        .again = arguments.again,
        .num_again = arguments.num_again};
  }

  struct Item {
    KeyRange range;
    RowTile tile;
    int64_t kv_head_of_pass;
  };

  struct Row {
    int32_t query;
    int32_t head;  // of the group; negative: there is no such row
    bool valid;    // the selection keeps its rules
    int32_t low;   // keys that it sees here
    int32_t high;
  };

  MOBA_THREAD int64_t num_items() const { return tiles.pass.num_kv_heads * tiles.num_indices(); }

  MOBA_THREAD Item Find(int64_t index) const {
    const int64_t indices = tiles.num_indices();
    Item item;
    item.kv_head_of_pass = index / indices;
    // Late queries, which may have more work, come first.
    item.tile = tiles.Find(indices - 1 - index % indices);
    const SequenceRecord& sequence = item.tile.sequence;
    item.range = {.batch = sequence.batch,
                  .token = sequence.k_begin,
                  .kv_head = tiles.pass.kv_head_begin + item.kv_head_of_pass,
                  .first = 0,
                  .end = 0,
                  .query_tiles = item.tile.count > 0 ? 1 : 0};
    if (item.tile.count > 0 && (causal || sequence.dense)) {
      const int64_t last = item.tile.first + item.tile.count - 1;
      // Tiles of keys begin at the same ones for all queries: so a row's bits do not depend on the
      // others of its tile, which depend on passes and neighbours.
      item.range.first = FirstKey(sequence, item.tile.first) & -kMostTileKeys;
      item.range.end = static_cast<int32_t>(sequence.LastVisibleKey(last, causal)) + 1;
      if (item.range.end <= 0) item.range.first = item.range.end = 0;
    }
    return item;
  }

  MOBA_THREAD int NumQueries(const Item& item, int /*tile*/) const {
    return item.tile.count * static_cast<int>(group_size);
  }

  MOBA_THREAD const char* Query(const Item& item, int tile, int row) const {
    const int place = std::min(row, NumQueries(item, tile) - 1);
    const int group = static_cast<int>(group_size);
    return q.Row(item.range.batch, item.tile.sequence.q_begin + item.tile.first + place / group,
                 item.range.kv_head * group_size + place % group);
  }

  MOBA_THREAD Unmasked UnmaskedKeys(const Item& item) const {
    if (item.tile.count == 0) return {0, 0};  // of a sequence that may have no keys at all
    const SequenceRecord& sequence = item.tile.sequence;
    const int64_t last_query = item.tile.first + item.tile.count - 1;
    return {FirstKey(sequence, last_query),
            static_cast<int32_t>(sequence.LastVisibleKey(item.tile.first, causal)) + 1};
  }

  MOBA_THREAD VisibleKeys Visible(const Item& item, int /*tile*/, int row) const {
    const Row first = RowAt(item, row);
    const Row second = RowAt(item, row + 8);
    return {{first.low, second.low}, {first.high, second.high}};
  }

  template <int kRow, int kOutputs>
  MOBA_THREAD void Finish(const Item& item, int /*tile*/, int place, const RowSum& sum,
                          float (&values)[kOutputs]) const {
    const Row row = RowAt(item, place);
    // A bad selection is computed again too, and becomes NaN once more.
    int any = MergeAndStore<kRow>(item, row, sum.shift, SumOfRow(sum.sum), values) ? 0 : 1;
    any |= ShuffleXor(any, 1);
    any |= ShuffleXor(any, 2);
    if (any == 0 || ThreadIndex() % 4 != 0) return;
    again[FetchAdd(num_again, 1)] =
        HeadOf(item, row) * num_rows + item.tile.sequence.row_begin + row.query;
  }

 private:
  MOBA_THREAD Row RowAt(const Item& item, int place) const {
    const SequenceRecord& sequence = item.tile.sequence;
    const int group = static_cast<int>(group_size);
    Row row = {.query = static_cast<int32_t>(item.tile.first) + place / group,
               .head = place % group,
               .valid = true,
               .low = 0,
               .high = 0};
    if (place >= NumQueries(item, 0)) {
      row.head = -1;
      return row;
    }
    const int64_t last = sequence.LastVisibleKey(row.query, causal);
    const bool sees_range = sequence.dense || ReadSelection(item, row);
    if (sees_range && last >= 0) {
      row.low = FirstKey(sequence, row.query);
      row.high = static_cast<int32_t>(last) + 1;
    }
    return row;
  }

  // Of what a query attends to in this kernel.
  MOBA_THREAD int32_t FirstKey(const SequenceRecord& sequence, int64_t query) const {
    const int64_t last = sequence.LastVisibleKey(query, causal);
    return last < 0 ? 0 : static_cast<int32_t>(sequence.FirstKey(sequence.PartOf(last)));
  }

  MOBA_THREAD int64_t HeadOf(const Item& item, const Row& row) const {
    return item.range.kv_head * group_size + row.head;
  }
  MOBA_THREAD SelectionRow SelectionOf(const Item& item, const Row& row) const {
    return SelectionRowOf(selected, item.range.batch, item.tile.sequence.q_begin + row.query,
                          HeadOf(item, row), width);
  }

  // Checks a row's selection; returns whether its own block is in it.
  MOBA_THREAD bool ReadSelection(const Item& item, Row& row) const {
    const SelectionRow blocks = SelectionOf(item, row);
    const int64_t visible = item.tile.sequence.NumVisibleBlocks(row.query, causal);
    bool own = false;
    for (int64_t place = 0; place < width; ++place) {
      row.valid = row.valid && blocks.FollowsRules(place, visible);
      own = own || (causal && blocks[place] == visible - 1 && visible > 0);
    }
    return own && row.valid;
  }

  // Returns whether all is well: there is no NaN.
  template <int kRow, int kOutputs>
  MOBA_THREAD bool MergeAndStore(const Item& item, const Row& row, float shift, float sum,
                                 float (&values)[kOutputs]) const {
    if (row.head < 0) return true;
    if (!row.valid) return Store<kRow>(item, row, NAN, NAN, values);

    const SequenceRecord& sequence = item.tile.sequence;
    const SelectedParts parts(SelectionOf(item, row), sequence, row.query, causal);
    const auto end = static_cast<int32_t>(std::min(parts.NumSlots(width), slots));
    const bool sees = row.high > row.low;
    if (!sees) {  // of a tile without a mask it has summed what others see
      shift = -FLT_MAX;
      sum = 0;
    }
    float most = sum > 0 ? shift : -FLT_MAX;
    const int64_t first_partial = FirstPartial(item, row);
    bool any = sees;
#pragma unroll 1
    for (int32_t slot = 0; slot < end; ++slot) {
      if (parts[slot] < 0) continue;
      any = true;
      most = fmaxf(most, partials.log2_sums[first_partial + slot]);
    }
    if (!any) return Store<kRow>(item, row, 0.0f, -INFINITY, values);

    const float own_weight = Exp2(shift - most);
    float total = sum * own_weight;
    // A row that sees nothing of the tile may have got 0 times NaN from it.
#pragma unroll
    for (int i = 0; i < kHeadDim / 4; ++i) {
      float& value = values[i / 2 * 4 + 2 * kRow + i % 2];
      value = sees ? value * own_weight : 0.0f;
    }
#pragma unroll 1
    for (int32_t slot = 0; slot < end; ++slot) {
      if (parts[slot] < 0) continue;
      const float weight = Exp2(partials.log2_sums[first_partial + slot] - most);
      total += weight;
      Partial<Element, kHeadDim>::template Add<kRow>(partials, first_partial + slot,
                                                     ThreadIndex() % 4, weight, values);
    }
    return Store<kRow>(item, row, 1.0f / total, (most + log2f(total)) * 0.6931471805599453f,
                       values);
  }

  MOBA_THREAD int64_t FirstPartial(const Item& item, const Row& row) const {
    const int64_t query = item.tile.sequence.row_begin + row.query - tiles.pass.row_begin;
    const int64_t head = item.kv_head_of_pass * group_size + row.head;
    return (query * tiles.pass.num_kv_heads * group_size + head) * slots;
  }

  // Output times factor; factor 0 stands for no visible key, NaN for a bad selection.
  template <int kRow, int kOutputs>
  MOBA_THREAD bool Store(const Item& item, const Row& row, float factor, float log_sum,
                         const float (&values)[kOutputs]) const {
    const int64_t token = item.tile.sequence.q_begin + row.query;
    const int64_t head = HeadOf(item, row);
    auto* const target = reinterpret_cast<uint32_t*>(o.Row(item.range.batch, token, head));
    bool number = true;
#pragma unroll
    for (int i = 0; i < kHeadDim / 8; ++i) {
      float a = values[4 * i + 2 * kRow] * factor;
      float b = values[4 * i + 2 * kRow + 1] * factor;
      if (factor == 0) a = b = 0;
      number = number && a == a && b == b;
      target[4 * i + ThreadIndex() % 4] = PackPair(a, b, Element());
    }
    if (ThreadIndex() % 4 == 0 && lse) {
      *reinterpret_cast<float*>(lse.Row(item.range.batch, token, head)) = log_sum;
    }
    return number && log_sum == log_sum;
  }
};

}  // namespace moba::cuda
