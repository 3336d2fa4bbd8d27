// Which queries selected each block of keys: what attention that goes from key block to key block
// works through.
#pragma once

#include "core/carver.h"
#include "core/problem.h"
#include "cuda/pass.h"

namespace moba::cuda {

// A query and head that selected a block.
struct ListEntry {
  uint32_t query;  // of its sequence
  uint16_t head;   // of the heads that share the kv head
  uint16_t slot;   // place in the query's SelectedParts
};

// Entries [first, first + kItemEntries) of a list, as far as it goes: what a thread block does at
// once. Lists are cut, as a block that every query selects would keep one thread block busy alone.
struct ListItem {
  int32_t list;  // kv head of the pass * num_parts + part
  int32_t first;
};
inline constexpr int kItemEntries = 512;

struct BlockLists {
  int64_t num_parts;  // of all sequences, numbered by SequenceRecord::part_begin
  int32_t* sizes;     // [kv head of the pass][part]
  int32_t* begins;    // of each list in `entries`, and the end of the last
  ListEntry* entries;
  ListItem* items;
  int32_t* num_items;

  // None where the selection was written to while the lists were made: then it may be shorter than
  // what was counted.
  MOBA_DEVICE int32_t NumEntries(const ListItem& item) const {
    return std::clamp(sizes[item.list] - item.first, 0, int{kItemEntries});
  }
};

// The most items of so many entries in so many lists.
constexpr int64_t MostItems(int64_t entries, int64_t lists) {
  const int64_t filled = std::min(entries, lists);
  return filled + (entries - filled) / kItemEntries;
}

// Memory for the lists of every pass that has at most so many.
inline BlockLists TakeBlockLists(int64_t entries, int64_t lists, core::Carver& carver) {
  BlockLists memory = {};
  memory.sizes = carver.Take<int32_t>(lists);
  memory.begins = carver.Take<int32_t>(lists + 1);
  memory.entries = carver.Take<ListEntry>(entries);
  memory.items = carver.Take<ListItem>(MostItems(entries, lists));
  memory.num_items = carver.Take<int32_t>(1);
  return memory;
}

struct BlockListArguments {
  bool causal;
  core::InputRows selected;  // [.., token, head][width], int32; not read of dense sequences
  int64_t width;
  int64_t group_size;  // query heads of a kv head
  SequenceTable sequences;
  Pass pass;
  BlockLists lists;
};

// An entry for every part that the pass's rows selected, but for those with a mask, which are
// another kernel's (SelectedParts). A row whose selection is none has no entries. The entries of a
// list are in no particular order.
Status LaunchBlockLists(const Queue& queue, const BlockListArguments& arguments);

}  // namespace moba::cuda
