#include "cuda/tensor_cores/forward.h"

namespace moba::cuda {
namespace {

// Fewer do not fill a tile; plain kernels read the keys once for each.
constexpr int64_t kLeastQueries = 16;

struct ClearCount {
  struct Shared {};

  int32_t* count;

  MOBA_DEVICE void operator()(Block& block, Shared& /*shared*/, int64_t /*index*/) const {
    block.Each([&](int thread) {
      if (thread == 0) *count = 0;
    });
  }
};

RunSize LargestRun(const core::PlanShape& shape, int64_t longest_sum) {
  const int64_t tokens = std::max<int64_t>(shape.max_tokens_k, 1);
  const bool full = shape.block_size == 0;
  const int64_t block = full ? tokens : std::min(shape.block_size, tokens);
  const int64_t selected =
      full ? 1 : std::max({shape.options.top_k, shape.max_selected, int64_t{1}});
  const int64_t slots =
      std::min(selected, core::CeilDiv(tokens, block)) * core::CeilDiv(block, longest_sum);
  // What is cut is cut into parts of more than half of the longest.
  const int64_t least_part = std::min(block, core::CeilDiv(longest_sum, 2));
  const bool lists = !full || slots > 1;
  return {.rows = shape.max_tokens_q,
          .num_kv_heads = shape.num_kv_heads,
          .group_size = shape.num_heads / shape.num_kv_heads,
          .slots = lists ? slots : 0,
          .num_parts = lists ? tokens / least_part + shape.max_sequences : 0};
}

}  // namespace

const char* WhyNotFor(const core::PlanShape& shape, int64_t longest_sum, TensorCores tensor_cores) {
  if (tensor_cores == TensorCores::kNone) return "the device has no tensor cores for others";
  if (shape.dtype == core::DType::kF32) return "the elements are fp32";
  if (!HasInstance(shape.dtype, shape.head_dim, shape.head_dim_v)) {
    return "there are no others for these head dimensions";
  }
  if (!HasPasses(LargestRun(shape, longest_sum))) return "heads and blocks are too many for lists";
  return nullptr;
}

ForwardMemory::ForwardMemory(TensorCores tensor_cores, const core::PlanShape& shape,
                             int64_t longest_sum, int64_t budget, core::Carver& carver)
    : tensor_cores_(tensor_cores) {
  made_ = WhyNotFor(shape, longest_sum, tensor_cores) == nullptr;
  if (!made_) return;
  const RunSize largest = LargestRun(shape, longest_sum);
  slots_ = largest.slots;
  const int64_t values = PartialValueBytes(shape.dtype, shape.head_dim);
  const int64_t exponents = PartialExponentBytes(shape.dtype, shape.head_dim);
  capacity_ = CapacityFor(largest, values + exponents + int64_t{sizeof(float)}, budget);
  lists_ = TakeBlockLists(capacity_.entries, capacity_.lists, carver);
  partials_.values = reinterpret_cast<Words*>(carver.Take<char>(capacity_.entries * values));
  partials_.exponents =
      reinterpret_cast<uint32_t*>(carver.Take<char>(capacity_.entries * exponents));
  partials_.log2_sums = carver.Take<float>(capacity_.entries);
  most_again_ = largest.rows * shape.num_heads;
  again_ = carver.Take<int64_t>(most_again_);
  num_again_ = carver.Take<int32_t>(1);
}

bool ForwardMemory::Takes(const AttendArguments& arguments, const TensorExtent& keys,
                          const SequenceTotals& totals) const {
  const int64_t group_size = arguments.num_heads / arguments.num_kv_heads;
  return made_ && totals.rows * group_size >= kLeastQueries &&
         CanAttend(tensor_cores_, arguments, keys);
}

Status ForwardMemory::Attend(const Queue& queue, const AttendArguments& arguments,
                             const TensorExtent& keys, const SequenceTotals& totals) const {
  const RunSize run = {.rows = totals.rows,
                       .num_kv_heads = arguments.num_kv_heads,
                       .group_size = arguments.num_heads / arguments.num_kv_heads,
                       .slots = slots_,
                       .num_parts = totals.parts};
  if (!totals.sparse && !totals.cut) {
    return AttendPass(queue, arguments, keys, {0, run.rows, 0, run.num_kv_heads}, {});
  }
  BlockLists lists = lists_;
  lists.num_parts = totals.parts;
  const Passes passes(run, capacity_);
  for (int64_t i = 0; i < passes.size(); ++i) {
    const Pass pass = passes[i];
    Status status = LaunchBlockLists(queue, {.causal = arguments.causal,
                                             .selected = arguments.selected,
                                             .width = arguments.width,
                                             .group_size = run.group_size,
                                             .sequences = arguments.sequences,
                                             .pass = pass,
                                             .lists = lists});
    if (status.ok()) status = AttendPass(queue, arguments, keys, pass, lists);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

// With no lists: all sequences are dense, and of one part.
Status ForwardMemory::AttendPass(const Queue& queue, const AttendArguments& arguments,
                                 const TensorExtent& keys, const Pass& pass,
                                 const BlockLists& lists) const {
  const TileAttendArguments tiles = {.rows = arguments,
                                     .keys = keys,
                                     .pass = pass,
                                     .slots = slots_,
                                     .lists = lists,
                                     .partials = partials_,
                                     .again = again_,
                                     .num_again = num_again_};
  Status status = Launch(queue, ClearCount{num_again_}, 1);
  if (status.ok() && lists.num_items != nullptr) status = LaunchGathered(queue, tiles);
  if (status.ok()) status = LaunchContiguous(queue, tiles);
  if (status.ok()) status = LaunchAttendRows(queue, arguments, again_, num_again_, most_again_);
  return status;
}

}  // namespace moba::cuda
