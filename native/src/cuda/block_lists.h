// Which queries selected each block of keys: what attention that goes from key block to key block
// works through.
#pragma once

#include "core/problem.h"
#include "cuda/pass.h"

namespace moba::cuda {

// A query and head that selected a block.
struct ListEntry {
  uint32_t query;  // of its sequence
  uint16_t head;   // of the heads that share the kv head
  uint16_t slot;   // place of the block in the query's selection
};

// Entries [first, first + kItemEntries) of a list, as far as it goes: what a thread block does at
// once. Lists are cut, as a block that every query selects would keep one thread block busy alone.
struct ListItem {
  int32_t list;  // kv head of the pass * num_blocks + block
  int32_t first;
};
inline constexpr int kItemEntries = 512;

struct BlockLists {
  int64_t num_blocks;  // of all sequences, numbered by SequenceRecord::block_begin
  int32_t* sizes;      // [kv head of the pass][block]
  int32_t* begins;     // of each list in `entries`
  ListEntry* entries;
  ListItem* items;
  int32_t* num_items;
};

}  // namespace moba::cuda
