// Runs of the CUDA backend's kernels without a GPU: moba::cuda::Run in emulation, for a Problem of
// the oracle, on guarded memory.
#ifndef MOBA_TESTS_CUDA_EMULATED_RUN_H_
#define MOBA_TESTS_CUDA_EMULATED_RUN_H_

#include <functional>
#include <vector>

#include "core/plan_shape.h"
#include "core/sequence_source.h"
#include "cuda/block.h"
#include "cuda/run.h"
#include "emulator/device.h"
#include "cuda/sequence_table.h"
#include "oracle.h"
#include "run.h"

namespace moba_test {

inline constexpr int64_t kEmulatedWorkers = 3;
inline constexpr moba::cuda::ThreadOrder kThreadOrders[] = {moba::cuda::ThreadOrder::kAscending,
                                                            moba::cuda::ThreadOrder::kDescending,
                                                            moba::cuda::ThreadOrder::kInterleaved};

// The state of a core::SequenceSource: sequences of a problem, beyond `given` of which there are
// none.
struct ProblemSource {
  const Problem& problem;
  bool batched;
  int64_t given = INT64_MAX;

  static bool Next(void* state, int64_t index, moba::core::Sequence* result);
};

// The sequences of a problem as kernels see them.
struct StoredSequences {
  std::vector<moba::cuda::SequenceRecord> records;
  moba::cuda::SequenceTotals totals;

  StoredSequences(const Problem& problem, moba::core::Operation operation, bool batched = false,
                  int64_t longest_sum = moba::cuda::kLongestSum);
  moba::cuda::SequenceTable Table() const {
    return {records.data(), static_cast<int64_t>(records.size())};
  }
};

moba::core::PlanShape ShapeOf(const Problem& problem, const moba_plan_config& config);

// The run that stands in `call`, without its sequences.
moba::core::Problem RunOf(const Problem& problem, const RunOptions& options, const Call& call);

// One run as it stands in `call`; makes its workspace. Sequences beyond the first
// `given_sequences` are not to be had from the source.
moba::cuda::Status Emulate(const Problem& problem, const RunOptions& options, Call& call,
                           int64_t given_sequences = INT64_MAX,
                           const moba::cuda::Limits& limits = {});

// What `run` does with a call succeeds in every order of a block's threads: expects the same bits
// from all.
Outcome InEveryOrder(const Problem& problem, Operation operation, const RunOptions& options,
                     const Selection* imported,
                     const std::function<moba::cuda::Status(Call& call)>& run);

Outcome Emulate(const Problem& problem, Operation operation, const RunOptions& options = {},
                const Selection* imported = nullptr, const moba::cuda::Limits& limits = {});

}  // namespace moba_test

#endif  // MOBA_TESTS_CUDA_EMULATED_RUN_H_
