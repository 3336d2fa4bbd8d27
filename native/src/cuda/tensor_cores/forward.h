// Attention on tensor cores, pass by pass: lists of key blocks, partial results of each, own blocks
// with everything merged, and once more what came out as NaN.
#pragma once

#include "core/plan_shape.h"
#include "cuda/passes.h"
#include "cuda/tensor_cores/attend.h"

namespace moba::cuda {

// Why runs of a plan cannot go this way; null if they can.
const char* WhyNotFor(const core::PlanShape& shape, int64_t longest_sum, TensorCores tensor_cores);

class ForwardMemory {
 public:
  // For any run of a plan on such a device.
  ForwardMemory(TensorCores tensor_cores, const core::PlanShape& shape, int64_t longest_sum,
                int64_t budget, core::Carver& carver);

  // Whether a run can go this way.
  bool Takes(const AttendArguments& arguments, const TensorExtent& keys,
             const SequenceTotals& totals) const;

  // Of all rows of a run.
  Status Attend(const Queue& queue, const AttendArguments& arguments, const TensorExtent& keys,
                const SequenceTotals& totals) const;

 private:
  Status AttendPass(const Queue& queue, const AttendArguments& arguments, const TensorExtent& keys,
                    const Pass& pass, const BlockLists& lists) const;

  TensorCores tensor_cores_;
  bool made_;      // for such a plan
  int64_t slots_;  // most parts that a valid row selects, whatever the width of the selection
  PassCapacity capacity_;
  BlockLists lists_;
  PartialMemory partials_;
  int64_t* again_;
  int64_t most_again_;
  int32_t* num_again_;
};

}  // namespace moba::cuda
