#include "cuda/sequence_table.h"

#include "core/carver.h"

namespace moba::cuda {
namespace {

// As many as fit, with what else the kernel is given, into 4 KiB of parameters.
constexpr int kRecordsAtOnce = 55;

struct StoreRecords {
  struct Shared {};

  SequenceRecord records[kRecordsAtOnce];
  int32_t count;
  SequenceRecord* target;

  MOBA_DEVICE void operator()(Block& block, Shared& /*shared*/, int64_t /*index*/) const {
    block.Each([&](int thread) {
      if (thread < count) target[thread] = records[thread];
    });
  }
};
static_assert(kRecordsAtOnce <= kThreads && sizeof(StoreRecords) <= 4000);

SequenceRecord MakeRecord(const core::PlanShape& shape, core::Operation operation,
                          const core::Sequence& sequence, int64_t longest_sum,
                          const SequenceTotals& before) {
  const int64_t least = std::max<int64_t>(sequence.k_len, 1);
  const int64_t block_size = shape.block_size == 0 ? least : std::min(shape.block_size, least);
  const bool dense =
      operation != core::Operation::kAttendSelected &&
      (shape.block_size == 0 || shape.options.top_k >= core::CeilDiv(sequence.k_len, block_size));
  const int64_t whole = dense ? least : block_size;
  const int64_t parts = core::CeilDiv(whole, longest_sum);
  return {.batch = sequence.batch,
          .q_begin = sequence.q_begin,
          .k_begin = sequence.k_begin,
          .row_begin = before.rows,
          .centroid_begin = before.centroids,
          .part_begin = before.parts,
          .q_len = static_cast<int32_t>(sequence.q_len),
          .k_len = static_cast<int32_t>(sequence.k_len),
          .block_size = static_cast<int32_t>(block_size),
          .dense = dense,
          .parts = static_cast<int32_t>(parts),
          .part_size = static_cast<int32_t>(core::CeilDiv(whole, parts))};
}

}  // namespace

Status StoreSequences(const Queue& queue, const core::PlanShape& shape, core::Operation operation,
                      const core::SequenceSource& source, int64_t count, int64_t longest_sum,
                      SequenceRecord* records, SequenceTotals& totals) {
  SequenceRecord last = {};
  for (int64_t first = 0; first < count; first += kRecordsAtOnce) {
    StoreRecords store = {};
    store.count = static_cast<int32_t>(std::min<int64_t>(kRecordsAtOnce, count - first));
    store.target = records + first;
    for (int32_t i = 0; i < store.count; ++i) {
      core::Sequence sequence = {};
      if (!source.next(source.state, first + i, &sequence)) return Status::NoSequence();
      SequenceRecord& record = store.records[i];
      record = MakeRecord(shape, operation, sequence, longest_sum, totals);
      totals.alike = totals.alike &&
                     (first + i == 0 || (record.q_len == last.q_len && record.k_len == last.k_len));
      last = record;
      totals.rows += record.q_len;
      totals.parts += record.k_len == 0 ? 0 : record.PartOf(record.k_len - 1) + 1;
      totals.sparse = totals.sparse || !record.dense;
      totals.cut = totals.cut || record.parts > 1;
      totals.longest_sum =
          std::max<int64_t>(totals.longest_sum, record.dense ? record.k_len : record.block_size);
      totals.batches = std::max(totals.batches, record.batch + 1);
      totals.key_tokens = std::max(totals.key_tokens, record.k_begin + record.k_len);
      if (operation != core::Operation::kAttendSelected && !record.dense) {
        totals.centroids += core::CeilDiv(record.k_len, record.block_size);
        totals.routes = true;
      }
    }
    if (const Status status = Launch(queue, store, 1); !status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace moba::cuda
