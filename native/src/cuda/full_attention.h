// Full attention by cuDNN, with the results of section 3 of the specification: which plans and runs
// go this way, and what surrounds cuDNN's kernel.
//
// What cuDNN computes of a score or a value that is masked is not said anywhere: a NaN times the
// probability 0, or a maximum over a tile, may reach rows that do not see it. So it works on copies
// of q, k and v in which elements that are not of moderate size are 0, and rows that read one of
// them are computed once more by our own kernel. The other rows keep their bits. The copies are
// contiguous, so all strides will do.
//
// A graph is for one shape, and there is no building of another one in a run. It is the largest
// that the plan allows, `max_sequences` of the same lengths; all other runs are for own kernels.
#pragma once

#include <optional>
#include <string>

#include "core/carver.h"
#include "core/plan_shape.h"
#include "cuda/attend.h"
#include "cuda/cudnn/graph.h"

namespace moba::cuda {

// What cuDNN is to prepare for a plan; none if own kernels are to serve all of its runs.
std::optional<cudnn::Shape> FullAttentionShape(const core::PlanShape& shape);

// Why cuDNN, which has prepared nothing for a plan, has not; empty if the plan's largest run is not
// full attention.
std::string WhyNotByCudnn(const core::PlanShape& shape);

// What is not of moderate size, and the rows that read it.
struct WildMarks {
  uint8_t* queries;  // [row][head], 0 or 1
  int64_t num_queries;
  int32_t* first_keys;  // [sequence][kv head]: the first key that is wild in k or v
  int64_t num_first_keys;
  int64_t* again;  // rows to be computed by LaunchAttendRows
  int32_t* num_again;
};

class FullAttention {
 public:
  // Takes memory for a run of the graph.
  FullAttention(cudnn::Graph& graph, core::Carver& carver);

  // Whether a run can go this way.
  bool Takes(const SequenceTotals& totals, int64_t num_sequences) const;

  // Of all rows of a run.
  Status Attend(const Queue& queue, const AttendArguments& arguments) const;

 private:
  cudnn::Graph* graph_;
  WildMarks marks_;
  char* q_;
  char* k_;
  char* v_;
  char* o_;
  float* lse_;
  char* workspace_;
};

}  // namespace moba::cuda
