// From a Problem of the oracle to a call of moba.h and back: lays the tensors out in guarded
// memory, makes the plan, runs, and expects what every call owes (inputs unchanged, every output
// element written, nothing else touched).
#ifndef MOBA_TESTS_RUN_H_
#define MOBA_TESTS_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engines.h"
#include "guarded_memory.h"
#include "moba/moba.h"
#include "oracle.h"
#include "placement.h"
#include "tensor_memory.h"

namespace moba_test {

moba_options BlockSparse(int64_t block_size, int64_t top_k);
moba_options FullAttention();

// Fills q, k and v with normally distributed values, rounded to the dtype.
void Randomize(Problem* problem, uint64_t seed);

// How tensors lie in memory. Without a batch axis its stride plays no part.
enum class Arrangement {
  kTokenMajor,     // [S, T, H, C], contiguous
  kHeadMajor,      // [S, H, T, C]
  kSlice,          // a part of a larger tensor: gaps after channels, heads, tokens and sequences
  kTimeMajor,      // [T, S, H, C]: the batch axis inside the token axis
  kReversed,       // inputs with negative strides of batch, token and head; outputs token-major
  kSharedKvHeads,  // k and v with head stride 0; the rest token-major
};

std::string ArrangementName(Arrangement arrangement);

struct RunOptions {
  Arrangement arrangement = Arrangement::kTokenMajor;
  bool batch_axis = false;         // instead of cu_seqlens; all sequences of equal lengths
  bool one_cu_seqlens = false;     // the same array serves q and k
  bool always_cu_seqlens = false;  // even for a single sequence
  int32_t cu_seqlens_dtype = MOBA_I32;
  bool with_lse = true;
  bool with_selected = true;        // attend: export the selection
  Guard guard = Guard::kBehind;     // of every tensor and the workspace
  bool offset_from_lowest = false;  // data = lowest element, byte_offset leads to element 0
  int64_t spare = 0;                // plan maxima beyond what the run needs
  unsigned char workspace_fill = 0xff;
};

enum class Operation { kRoute, kAttend, kAttendSelected };

// What a successful run wrote, in the oracle's order whatever the arrangement.
struct Outcome {
  std::vector<double> o;
  std::vector<double> lse;
  Selection selection;  // empty where none was written
  std::vector<uint64_t> o_bits;
  std::vector<uint64_t> lse_bits;
};

// The arguments of one call, open to change before Run.
struct Call {
  Call(const Problem& problem, Operation operation, const RunOptions& options,
       const Selection* imported = nullptr);

  // Gives the tensors, and the workspace that is made later, a place on the engine's device.
  void PlaceOn(const moba_engine* engine);
  // Gives the call a workspace as large as the plan asks for.
  void MakeWorkspace(const OwnedPlan& owned_plan, unsigned char fill = 0xff,
                     Guard guard = Guard::kBehind);
  // Runs on what the tensors hold now, and waits until their memory holds the results.
  int32_t Run(const moba_plan* plan) { return Run(plan, &shapes); }
  int32_t Run(const moba_plan* plan, const moba_run_shapes* given_shapes);
  // The run alone, between an upload and a download of `placement`.
  int32_t Enqueue(const moba_plan* plan, const moba_run_shapes* given_shapes) const;

  bool InputsUnchanged() const;
  bool OutputsUntouched() const;
  bool OutputsComplete() const;
  // Expects what every successful call owes.
  Outcome ReadOutcome() const;

  Operation operation;
  moba_plan_config config;
  moba_run_shapes shapes;
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  const void* cu_seqlens_q = nullptr;
  const void* cu_seqlens_k = nullptr;
  void* o = nullptr;
  void* lse = nullptr;
  void* selected = nullptr;
  void* workspace = nullptr;
  int64_t workspace_bytes = 0;
  void* stream = nullptr;
  int64_t* progress = nullptr;
  const int32_t* cancel = nullptr;

  std::optional<TensorMemory> q_memory, k_memory, v_memory, cu_q_memory, cu_k_memory, o_memory,
      lse_memory, selected_memory;
  std::optional<GuardedMemory> workspace_memory;
  Placement placement;

 private:
  std::vector<const std::optional<TensorMemory>*> Inputs() const;
  std::vector<const std::optional<TensorMemory>*> Outputs() const;
};

// One run in a plan of its own; expects MOBA_OK.
Outcome Route(const moba_engine* engine, const Problem& problem, const RunOptions& options = {});
Outcome Attend(const moba_engine* engine, const Problem& problem, const RunOptions& options = {});
Outcome AttendSelected(const moba_engine* engine, const Problem& problem,
                       const Selection& selection, const RunOptions& options = {});

// The bits of o and lse that belong to tokens begin .. end - 1.
std::vector<uint64_t> RowBits(const Problem& problem, const Outcome& outcome, int64_t begin,
                              int64_t end);
std::vector<uint64_t> RowBits(const Problem& problem, const Outcome& outcome);

}  // namespace moba_test

#endif  // MOBA_TESTS_RUN_H_
