// Lists by counting: clear, count the entries of each list, add the counts up, put the entries
// where they belong. A thread has one row of one head, so that neighbouring lanes have neighbouring
// queries, which often select the same block: lanes of a list add to it at once.
// Limits: reading the selection, twice; atomics where queries choose differently.
#include "cuda/block_lists.h"

#include "cuda/device/thread.h"
#include "cuda/selection_row.h"

namespace moba::cuda {
namespace {

struct ClearLists {
  static constexpr int kThreads = 256;
  static constexpr int64_t kSharedBytes = 0;

  BlockLists lists;
  int64_t num_lists;

  MOBA_THREAD void operator()(char* /*shared*/) const {
    for (int64_t i = BlockIndex() * kThreads + ThreadIndex(); i < num_lists;
         i += GridSize() * kThreads) {
      lists.sizes[i] = 0;
      lists.begins[i] = 0;
    }
  }
};

// What lanes of a warp have at one place of their rows.
struct Found {
  int32_t list;  // -1: nothing
  ListEntry entry;
  uint32_t lanes;  // that have the same list
  int rank;        // of this lane among them
};

// What visits rows: a functor over Found that all lanes of a warp call together.
template <class Use>
struct VisitEntries {
  static constexpr int kThreads = 256;
  static constexpr int64_t kSharedBytes = 0;

  BlockListArguments a;
  Use use;

  struct Row {
    SelectedParts selected;
    int64_t count;  // of its slots
    int64_t first_list;
    uint32_t query;
    uint16_t head;
  };

  // Of all heads.
  constexpr int64_t NumRows() const {
    return a.pass.num_kv_heads * a.group_size * a.pass.num_rows();
  }

  MOBA_THREAD void operator()(char* /*shared*/) const {
    const int lane = ThreadIndex() % kWarpSize;
    const int64_t count = NumRows();
    for (int64_t first = BlockIndex() * kThreads + ThreadIndex() - lane; first < count;
         first += GridSize() * kThreads) {
      // Lanes without a row keep step, with the last one's.
      Row row = RowAt(std::min(first + lane, count - 1));
      if (first + lane >= count) row.count = 0;
      for (int64_t slot = 0; Ballot(slot < row.count) != 0; ++slot) {
        Found found = {-1, {row.query, row.head, static_cast<uint16_t>(slot)}, 0, 0};
        if (slot < row.count) {
          const int32_t part = row.selected[static_cast<int32_t>(slot)];
          if (part >= 0) found.list = static_cast<int32_t>(row.first_list + part);
        }
        found.lanes = MatchAny(found.list);
        found.rank = PopCount(found.lanes & ((1u << lane) - 1));
        use(a.lists, found);
      }
    }
  }

 private:
  MOBA_THREAD Row RowAt(int64_t index) const {
    const int64_t pass_head = index / a.pass.num_rows();
    const int64_t place = a.pass.row_begin + index % a.pass.num_rows();
    const int64_t kv_head = pass_head / a.group_size;
    const SequenceRecord sequence = a.sequences.Find<&SequenceRecord::row_begin>(place);
    const int64_t query = place - sequence.row_begin;
    const SelectionRow blocks =
        SelectionRowOf(a.selected, sequence.batch, sequence.q_begin + query,
                       a.pass.kv_head_begin * a.group_size + pass_head, a.width);
    const SelectedParts selected(blocks, sequence, query, a.causal);
    const int64_t visible = sequence.NumVisibleBlocks(query, a.causal);
    const int64_t num_blocks = sequence.dense != 0 ? 0 : blocks.Count(visible);
    return {.selected = selected,
            .count = selected.NumSlots(num_blocks),
            .first_list = kv_head * a.lists.num_parts + sequence.part_begin,
            .query = static_cast<uint32_t>(query),
            .head = static_cast<uint16_t>(pass_head % a.group_size)};
  }
};

// Counts into `begins`.
struct CountEntry {
  MOBA_THREAD void operator()(const BlockLists& lists, const Found& found) const {
    if (found.list < 0 || found.rank != 0) return;
    FetchAdd(&lists.begins[found.list], PopCount(found.lanes));
  }
};

// Puts the entry behind those that are there. No list grows beyond what was counted, whatever the
// selection has become: the end of the list gives back what was too much.
struct PutEntry {
  MOBA_THREAD void operator()(const BlockLists& lists, const Found& found) const {
    const bool leads = found.list >= 0 && found.rank == 0;
    const int32_t number = PopCount(found.lanes);
    const int32_t before = leads ? FetchAdd(&lists.sizes[found.list], number) : 0;
    const int leader = PopCount((found.lanes & (0 - found.lanes)) - 1);
    const int32_t place = Shuffle(before, leader) + found.rank;
    if (found.list < 0) return;
    const int32_t begin = lists.begins[found.list];
    const int32_t room = lists.begins[found.list + 1] - begin;
    if (place < room) lists.entries[int64_t{begin} + place] = found.entry;
    const int32_t excess = std::min(before + number - room, number);
    if (leads && excess > 0) FetchAdd(&lists.sizes[found.list], -excess);
  }
};

// begins: from counts to sums of the counts before; cuts the lists into items. One thread block,
// kPerThread lists for each thread at once; entries and items are summed as two halves of a word.
struct ScanCounts {
  static constexpr int kThreads = kWarpSize * kWarpSize;
  static constexpr int kPerThread = 8;
  static constexpr int64_t kSharedBytes = kWarpSize * sizeof(uint64_t);

  BlockLists lists;
  int64_t num_lists;

  MOBA_THREAD void operator()(char* shared) const {
    auto* const warp_sums = reinterpret_cast<uint64_t*>(shared);
    const int lane = ThreadIndex() % kWarpSize;
    const int warp = ThreadIndex() / kWarpSize;
    uint64_t before = 0;
    for (int64_t tile = 0; tile < num_lists; tile += kThreads * kPerThread) {
      const int64_t first = tile + int64_t{ThreadIndex()} * kPerThread;
      int32_t counts[kPerThread];
      uint64_t own = 0;
      for (int i = 0; i < kPerThread; ++i) {
        counts[i] = first + i < num_lists ? lists.begins[first + i] : 0;
        own += Sums(counts[i]);
      }
      const uint64_t in_warp = SumToLane(own);
      if (lane == kWarpSize - 1) warp_sums[warp] = in_warp;
      SyncThreads();
      const uint64_t of_lane = warp_sums[lane];
      const uint64_t in_block = SumToLane(of_lane);
      const uint64_t warps_before = Shuffle(in_block - of_lane, warp);
      WriteLists(first, counts, before + warps_before + in_warp - own);
      before += Shuffle(in_block, kWarpSize - 1);
      SyncThreads();  // before warp_sums is written again
    }
    if (ThreadIndex() != 0) return;
    lists.begins[num_lists] = Entries(before);
    *lists.num_items = Items(before);
  }

 private:
  MOBA_THREAD static uint64_t Sums(int32_t count) {
    const auto entries = static_cast<uint64_t>(count);
    return entries | (entries + kItemEntries - 1) / kItemEntries << 32;
  }
  MOBA_THREAD static int32_t Entries(uint64_t sums) { return static_cast<int32_t>(sums); }
  MOBA_THREAD static int32_t Items(uint64_t sums) { return static_cast<int32_t>(sums >> 32); }

  // The sum of the values of lanes 0 to this one.
  MOBA_THREAD static uint64_t SumToLane(uint64_t value) {
    const int lane = ThreadIndex() % kWarpSize;
    for (int distance = 1; distance < kWarpSize; distance *= 2) {
      const uint64_t other = Shuffle(value, lane - distance);
      if (lane >= distance) value += other;
    }
    return value;
  }

  MOBA_THREAD void WriteLists(int64_t first, const int32_t (&counts)[kPerThread],
                              uint64_t before) const {
    for (int i = 0; i < kPerThread && first + i < num_lists; ++i) {
      lists.begins[first + i] = Entries(before);
      ListItem* item = lists.items + Items(before);
      for (int32_t entry = 0; entry < counts[i]; entry += kItemEntries) {
        *item++ = {static_cast<int32_t>(first + i), entry};
      }
      before += Sums(counts[i]);
    }
  }
};

// Of a kernel whose blocks stride over `threads` threads' work.
template <class Kernel>
Status LaunchStriding(const Queue& queue, const Kernel& kernel, int64_t threads) {
  const int64_t blocks = core::CeilDiv(threads, Kernel::kThreads);
  return LaunchThreads(queue, kernel, std::clamp<int64_t>(blocks, 1, queue.workers));
}

template <class Use>
Status LaunchVisit(const Queue& queue, const BlockListArguments& arguments) {
  const VisitEntries<Use> visit = {arguments, {}};
  return LaunchStriding(queue, visit, visit.NumRows());
}

}  // namespace

Status LaunchBlockLists(const Queue& queue, const BlockListArguments& arguments) {
  const int64_t num_lists = arguments.pass.num_kv_heads * arguments.lists.num_parts;
  Status status = LaunchStriding(queue, ClearLists{arguments.lists, num_lists}, num_lists);
  if (status.ok()) status = LaunchVisit<CountEntry>(queue, arguments);
  if (status.ok()) status = LaunchThreads(queue, ScanCounts{arguments.lists, num_lists}, 1);
  if (status.ok()) status = LaunchVisit<PutEntry>(queue, arguments);
  return status;
}

}  // namespace moba::cuda
