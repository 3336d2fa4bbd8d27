#include "run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "storage.h"

namespace moba_test {
namespace {

enum class Role { kQuery, kKeyValue, kOutput };

// Axes of a tensor before they are laid out. Without channels (lse) there is no last axis.
struct Extents {
  int64_t sequences;
  int64_t tokens;
  int64_t heads;
  int64_t channels;
};

struct Strides {
  int64_t sequence;
  int64_t token;
  int64_t head;
};

Strides Arrange(Arrangement arrangement, Role role, const Extents& n) {
  const int64_t row = n.heads * n.channels;
  switch (arrangement) {
    case Arrangement::kTokenMajor:
      break;
    case Arrangement::kHeadMajor:
      return {n.tokens * row, n.channels, n.tokens * n.channels};
    case Arrangement::kSlice: {
      const int64_t head = n.channels + 3;
      const int64_t token = (n.heads + 1) * head + 1;
      return {(n.tokens + 2) * token, token, head};
    }
    case Arrangement::kTimeMajor:
      return {row, n.sequences * row, n.channels};
    case Arrangement::kReversed:
      if (role == Role::kOutput) break;
      return {-n.tokens * row, -row, -n.channels};
    case Arrangement::kSharedKvHeads:
      if (role != Role::kKeyValue) break;
      return {n.tokens * n.channels, n.channels, 0};
  }
  return {n.tokens * row, row, n.channels};
}

std::optional<TensorMemory> MakeTensor(int32_t dtype, const RunOptions& options, Role role,
                                       const Extents& n, bool channel_axis) {
  const Strides strides = Arrange(options.arrangement, role, n);
  std::vector<int64_t> shape = {n.tokens, n.heads};
  std::vector<int64_t> stride = {strides.token, strides.head};
  if (options.batch_axis) {
    shape.insert(shape.begin(), n.sequences);
    stride.insert(stride.begin(), strides.sequence);
  }
  if (channel_axis) {
    shape.push_back(n.channels);
    stride.push_back(1);
  }
  return TensorMemory(dtype, shape, stride, options.guard);
}

std::vector<double> CumulativeLengths(const Problem& problem, int64_t Lengths::*side) {
  std::vector<double> cumulative = {0};
  for (const Lengths& lengths : problem.sequences) {
    cumulative.push_back(cumulative.back() + static_cast<double>(lengths.*side));
  }
  return cumulative;
}

void AddDescription(const std::optional<TensorMemory>& memory, bool from_lowest,
                    moba_tensor* tensor) {
  if (memory) *tensor = from_lowest ? memory->DescribeFromLowest() : memory->Describe();
}

void* Address(const std::optional<TensorMemory>& memory, bool from_lowest) {
  if (!memory) return nullptr;
  return from_lowest ? memory->lowest() : memory->origin();
}

Outcome Execute(const moba_engine* engine, const Problem& problem, Operation operation,
                const RunOptions& options, const Selection* imported) {
  Call call(problem, operation, options, imported);
  call.PlaceOn(engine);
  OwnedPlan plan(engine, call.config);
  call.MakeWorkspace(plan, options.workspace_fill, options.guard);
  const int32_t status = call.Run(plan.get());
  EXPECT_EQ(status, MOBA_OK) << moba_last_error();
  if (status != MOBA_OK) {
    EXPECT_TRUE(call.InputsUnchanged());
    return {};
  }
  return call.ReadOutcome();
}

}  // namespace

moba_options BlockSparse(int64_t block_size, int64_t top_k) {
  moba_options options = {};
  options.struct_size = sizeof options;
  options.attention = MOBA_ATTENTION_BLOCK_SPARSE;
  options.causal = 1;
  options.routing = MOBA_ROUTING_PER_HEAD;
  options.block_size = block_size;
  options.top_k = top_k;
  options.local_blocks = 1;
  return options;
}

moba_options FullAttention() {
  moba_options options = BlockSparse(0, 0);
  options.attention = MOBA_ATTENTION_FULL;
  return options;
}

void Randomize(Problem* problem, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  const auto fill = [&](std::vector<double>* values, int64_t count) {
    values->resize(count);
    for (double& value : *values) value = Round(normal(engine), problem->dtype);
  };
  fill(&problem->q, problem->TokensQ() * problem->heads * problem->head_dim);
  fill(&problem->k, problem->TokensK() * problem->kv_heads * problem->head_dim);
  fill(&problem->v, problem->TokensK() * problem->kv_heads * problem->head_dim_v);
}

std::string ArrangementName(Arrangement arrangement) {
  switch (arrangement) {
    case Arrangement::kTokenMajor:
      return "token_major";
    case Arrangement::kHeadMajor:
      return "head_major";
    case Arrangement::kSlice:
      return "slice";
    case Arrangement::kTimeMajor:
      return "time_major";
    case Arrangement::kReversed:
      return "reversed";
    case Arrangement::kSharedKvHeads:
      return "shared_kv_heads";
  }
  return "unknown";
}

Call::Call(const Problem& problem, Operation operation, const RunOptions& options,
           const Selection* imported)
    : operation(operation), config({}), shapes({}) {
  const bool attends = operation != Operation::kRoute;
  const bool exports = operation == Operation::kRoute || (operation == Operation::kAttend &&
                                                          options.with_selected && !problem.Full());
  const int64_t sequences = static_cast<int64_t>(problem.sequences.size());
  const int64_t shown = options.batch_axis ? sequences : 1;
  const int64_t tokens_q = options.batch_axis ? problem.sequences[0].q : problem.TokensQ();
  const int64_t tokens_k = options.batch_axis ? problem.sequences[0].k : problem.TokensK();
  const auto tensor = [&](Role role, int64_t tokens, int64_t heads, int64_t channels) {
    return MakeTensor(problem.dtype, options, role, {shown, tokens, heads, channels}, true);
  };

  q_memory = tensor(Role::kQuery, tokens_q, problem.heads, problem.head_dim);
  q_memory->Fill(problem.q);
  k_memory = tensor(Role::kKeyValue, tokens_k, problem.kv_heads, problem.head_dim);
  k_memory->Fill(problem.k);
  if (attends) {
    v_memory = tensor(Role::kKeyValue, tokens_k, problem.kv_heads, problem.head_dim_v);
    v_memory->Fill(problem.v);
    o_memory = tensor(Role::kOutput, tokens_q, problem.heads, problem.head_dim_v);
  }
  if (attends && options.with_lse) {
    lse_memory =
        MakeTensor(MOBA_F32, options, Role::kOutput, {shown, tokens_q, problem.heads, 1}, false);
  }
  if (imported != nullptr) {
    selected_memory = MakeTensor(MOBA_I32, options, Role::kQuery,
                                 {shown, tokens_q, problem.heads, imported->width}, true);
    selected_memory->Fill({imported->blocks.begin(), imported->blocks.end()});
  } else if (exports) {
    selected_memory = MakeTensor(MOBA_I32, options, Role::kOutput,
                                 {shown, tokens_q, problem.heads, problem.SelectionWidth()}, true);
  }
  if (!options.batch_axis && (sequences > 1 || options.always_cu_seqlens)) {
    cu_q_memory = TensorMemory(options.cu_seqlens_dtype, {sequences + 1}, options.guard);
    cu_q_memory->Fill(CumulativeLengths(problem, &Lengths::q));
    if (!options.one_cu_seqlens) {
      cu_k_memory = TensorMemory(options.cu_seqlens_dtype, {sequences + 1}, options.guard);
      cu_k_memory->Fill(CumulativeLengths(problem, &Lengths::k));
    }
  }

  const bool from_lowest = options.offset_from_lowest;
  shapes.struct_size = sizeof shapes;
  shapes.q = shapes.k = shapes.v = shapes.o = shapes.lse = shapes.selected = shapes.cu_seqlens_q =
      shapes.cu_seqlens_k = AbsentTensor();
  AddDescription(q_memory, from_lowest, &shapes.q);
  AddDescription(k_memory, from_lowest, &shapes.k);
  AddDescription(v_memory, from_lowest, &shapes.v);
  AddDescription(o_memory, from_lowest, &shapes.o);
  AddDescription(lse_memory, from_lowest, &shapes.lse);
  AddDescription(selected_memory, from_lowest, &shapes.selected);
  AddDescription(cu_q_memory, from_lowest, &shapes.cu_seqlens_q);
  AddDescription(cu_k_memory, from_lowest, &shapes.cu_seqlens_k);
  q = Address(q_memory, from_lowest);
  k = Address(k_memory, from_lowest);
  v = Address(v_memory, from_lowest);
  o = Address(o_memory, from_lowest);
  lse = Address(lse_memory, from_lowest);
  selected = Address(selected_memory, from_lowest);
  cu_seqlens_q = Address(cu_q_memory, from_lowest);
  cu_seqlens_k = Address(cu_k_memory, from_lowest);

  config.struct_size = sizeof config;
  config.dtype = problem.dtype;
  config.num_heads = problem.heads;
  config.num_kv_heads = problem.kv_heads;
  config.head_dim = problem.head_dim;
  config.head_dim_v = problem.head_dim_v;
  config.max_tokens_q = problem.TokensQ() + options.spare;
  config.max_tokens_k = problem.TokensK() + options.spare;
  config.max_sequences = std::max<int64_t>(1, sequences) + options.spare;
  config.max_selected = imported == nullptr ? 0 : imported->width + options.spare;
  config.options = problem.options;
}

void Call::PlaceOn(const moba_engine* engine) {
  placement.MoveTo(engine,
                   {&shapes.q, &shapes.k, &shapes.v, &shapes.o, &shapes.lse, &shapes.selected});
  for (const auto* tensor :
       {&q_memory, &k_memory, &v_memory, &o_memory, &lse_memory, &selected_memory}) {
    if (*tensor) placement.Add((*tensor)->memory());
  }
}

void Call::MakeWorkspace(const OwnedPlan& owned_plan, unsigned char fill, Guard guard) {
  workspace_bytes = owned_plan.WorkspaceBytes();
  workspace_memory.emplace(static_cast<size_t>(workspace_bytes), 64, guard);
  std::memset(workspace_memory->data(), fill, workspace_memory->size());
  workspace = workspace_memory->data();
  placement.Add(*workspace_memory);
}

int32_t Call::Run(const moba_plan* plan, const moba_run_shapes* given_shapes) {
  placement.Upload();
  const int32_t status = Enqueue(plan, given_shapes);
  if (status == MOBA_OK) placement.Download(stream);
  return status;
}

int32_t Call::Enqueue(const moba_plan* plan, const moba_run_shapes* given_shapes) const {
  const void* const on_q = placement.Address(q);
  const void* const on_k = placement.Address(k);
  const void* const on_v = placement.Address(v);
  void* const on_o = placement.Address(o);
  auto* const on_lse = static_cast<float*>(placement.Address(lse));
  auto* const on_selected = static_cast<int32_t*>(placement.Address(selected));
  void* const on_workspace = placement.Address(workspace);
  switch (operation) {
    case Operation::kRoute:
      return moba_route(plan, given_shapes, on_q, on_k, cu_seqlens_q, cu_seqlens_k, on_selected,
                        on_workspace, workspace_bytes, stream, progress, cancel);
    case Operation::kAttend:
      return moba_attend(plan, given_shapes, on_q, on_k, on_v, cu_seqlens_q, cu_seqlens_k, on_o,
                         on_lse, on_selected, on_workspace, workspace_bytes, stream, progress,
                         cancel);
    case Operation::kAttendSelected:
      return moba_attend_selected(plan, given_shapes, on_q, on_k, on_v, cu_seqlens_q, cu_seqlens_k,
                                  on_selected, on_o, on_lse, on_workspace, workspace_bytes, stream,
                                  progress, cancel);
  }
  return MOBA_INTERNAL;
}

Outcome Call::ReadOutcome() const {
  EXPECT_TRUE(InputsUnchanged());
  EXPECT_TRUE(workspace_memory->SurroundingsUntouched());
  EXPECT_TRUE(OutputsComplete());
  Outcome outcome;
  if (o_memory) {
    outcome.o = o_memory->Values();
    outcome.o_bits = o_memory->Bits();
  }
  if (lse_memory) {
    outcome.lse = lse_memory->Values();
    outcome.lse_bits = lse_memory->Bits();
  }
  if (selected_memory) {
    outcome.selection.heads = config.num_heads;
    outcome.selection.width = shapes.selected.shape[shapes.selected.ndim - 1];
    for (double block : selected_memory->Values()) {
      outcome.selection.blocks.push_back(static_cast<int32_t>(block));
    }
  }
  return outcome;
}

std::vector<const std::optional<TensorMemory>*> Call::Inputs() const {
  std::vector<const std::optional<TensorMemory>*> inputs = {&q_memory, &k_memory, &v_memory,
                                                            &cu_q_memory, &cu_k_memory};
  if (operation == Operation::kAttendSelected) inputs.push_back(&selected_memory);
  return inputs;
}

std::vector<const std::optional<TensorMemory>*> Call::Outputs() const {
  std::vector<const std::optional<TensorMemory>*> outputs = {&o_memory, &lse_memory};
  if (operation != Operation::kAttendSelected) outputs.push_back(&selected_memory);
  return outputs;
}

bool Call::InputsUnchanged() const {
  const auto inputs = Inputs();
  return std::all_of(inputs.begin(), inputs.end(),
                     [](const auto* memory) { return !*memory || (*memory)->Unchanged(); });
}

bool Call::OutputsUntouched() const {
  const auto outputs = Outputs();
  return std::all_of(outputs.begin(), outputs.end(),
                     [](const auto* memory) { return !*memory || (*memory)->Unchanged(); });
}

bool Call::OutputsComplete() const {
  const auto outputs = Outputs();
  return std::all_of(outputs.begin(), outputs.end(), [](const auto* memory) {
    return !*memory || ((*memory)->EveryElementWritten() && (*memory)->NothingElseWritten());
  });
}

Outcome Route(const moba_engine* engine, const Problem& problem, const RunOptions& options) {
  return Execute(engine, problem, Operation::kRoute, options, nullptr);
}

Outcome Attend(const moba_engine* engine, const Problem& problem, const RunOptions& options) {
  return Execute(engine, problem, Operation::kAttend, options, nullptr);
}

Outcome AttendSelected(const moba_engine* engine, const Problem& problem,
                       const Selection& selection, const RunOptions& options) {
  return Execute(engine, problem, Operation::kAttendSelected, options, &selection);
}

std::vector<uint64_t> RowBits(const Problem& problem, const Outcome& outcome, int64_t begin,
                              int64_t end) {
  const int64_t o_row = problem.heads * problem.head_dim_v;
  std::vector<uint64_t> bits;
  if (!outcome.o_bits.empty()) {
    bits.assign(outcome.o_bits.begin() + begin * o_row, outcome.o_bits.begin() + end * o_row);
  }
  if (!outcome.lse_bits.empty()) {
    bits.insert(bits.end(), outcome.lse_bits.begin() + begin * problem.heads,
                outcome.lse_bits.begin() + end * problem.heads);
  }
  return bits;
}

std::vector<uint64_t> RowBits(const Problem& problem, const Outcome& outcome) {
  return RowBits(problem, outcome, 0, problem.TokensQ());
}

}  // namespace moba_test
