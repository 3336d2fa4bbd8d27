// Key-major attention: an item is a block of keys of one kv head, or a part of a long one, and up
// to kItemEntries queries that selected it, gathered from wherever they are. Every query sees every
// key of it. What comes out are partial results, which contiguous.h merges.
//
// A query, head and block moves 2 D bytes of query and the partial result twice. At 184 flop per
// byte, which an H200 balances, a bf16 block of B keys of D = 128 is bound by memory below B = 260.
#pragma once

#include "cuda/block_lists.h"
#include "cuda/tensor_cores/attend.h"
#include "cuda/tensor_cores/partial.h"
#include "cuda/tensor_cores/softmax.h"

namespace moba::cuda {

template <class ElementType, int kHeadDimension>
struct Gathered {
  using Element = ElementType;
  static constexpr int kHeadDim = kHeadDimension;
  static constexpr bool kOneTile = false;

  core::InputRows q;
  SequenceTable sequences;
  Pass pass;
  int64_t group_size;  // query heads of a kv head
  BlockLists lists;
  int64_t slots;
  PartialMemory partials;

  static Gathered Of(const TileAttendArguments& arguments) {
    const AttendArguments& rows = arguments.rows;
    return {.q = rows.q,
            .sequences = rows.sequences,
            .pass = arguments.pass,
            .group_size = rows.num_heads / rows.num_kv_heads,
            .lists = arguments.lists,
            .slots = arguments.slots,
            .partials = arguments.partials};
  }

  struct Item {
    KeyRange range;
    SequenceRecord sequence;
    int64_t kv_head_of_pass;
    const ListEntry* entries;
    int32_t num_entries;
  };

  MOBA_THREAD int64_t num_items() const { return *lists.num_items; }

  MOBA_THREAD Item Find(int64_t index) const {
    const ListItem list_item = lists.items[index];
    const int64_t part = list_item.list % lists.num_parts;
    Item item;
    item.sequence = sequences.template Find<&SequenceRecord::part_begin>(part);
    item.kv_head_of_pass = list_item.list / lists.num_parts;
    item.entries = lists.entries + lists.begins[list_item.list] + list_item.first;
    item.num_entries = lists.NumEntries(list_item);
    const auto of_sequence = static_cast<int32_t>(part - item.sequence.part_begin);
    item.range = {.batch = item.sequence.batch,
                  .token = item.sequence.k_begin,
                  .kv_head = pass.kv_head_begin + item.kv_head_of_pass,
                  .first = static_cast<int32_t>(item.sequence.FirstKey(of_sequence)),
                  .end = static_cast<int32_t>(item.sequence.EndKey(of_sequence)),
                  .query_tiles = (item.num_entries + kTileQueries - 1) / kTileQueries};
    return item;
  }

  MOBA_THREAD int NumQueries(const Item& item, int tile) const {
    return item.num_entries - tile * kTileQueries;
  }

  MOBA_THREAD const char* Query(const Item& item, int tile, int row) const {
    // Rows beyond the last are computed and thrown away.
    const int place = std::min(tile * kTileQueries + row, item.num_entries - 1);
    const ListEntry entry = item.entries[place];
    return q.Row(item.sequence.batch, item.sequence.q_begin + entry.query,
                 item.range.kv_head * group_size + entry.head);
  }

  MOBA_THREAD Unmasked UnmaskedKeys(const Item& item) const {
    return {item.range.first, item.range.end};
  }

  MOBA_THREAD VisibleKeys Visible(const Item& item, int /*tile*/, int /*row*/) const {
    return {{item.range.first, item.range.first}, {item.range.end, item.range.end}};
  }

  template <int kRow, int kOutputs>
  MOBA_THREAD void Finish(const Item& item, int tile, int row, const RowSum& sum,
                          const float (&o)[kOutputs]) const {
    const float total = SumOfRow(sum.sum);
    const int place = tile * kTileQueries + row;
    if (place >= item.num_entries) return;
    const ListEntry entry = item.entries[place];
    const int64_t query = item.sequence.row_begin + entry.query - pass.row_begin;
    const int64_t head = item.kv_head_of_pass * group_size + entry.head;
    const int64_t index = (query * pass.num_kv_heads * group_size + head) * slots + entry.slot;
    const int quarter = ThreadIndex() % 4;
    Partial<Element, kHeadDim>::template Write<kRow>(partials, index, quarter, o, 1.0f / total);
    if (quarter == 0) partials.log2_sums[index] = sum.shift + log2f(total);
  }
};

}  // namespace moba::cuda
