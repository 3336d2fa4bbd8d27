// The run functions: what changes from call to call is validated here, then handed to the backend
// as a core::Problem. Nothing is allocated.
#include <algorithm>

#include "api/device.h"
#include "api/run_inputs.h"
#include "api/selection.h"
#include "cpu/run.h"

namespace moba::api {
namespace {

using LongLong = long long;
using core::Operation;

struct Workspace {
  void* data;
  int64_t bytes;
  void* stream;
};

// K' of an exported selection.
int64_t SelectionWidth(const core::PlanShape& shape, int64_t most_blocks) {
  return std::max<int64_t>(1, std::min(shape.options.top_k, most_blocks));
}

int32_t CheckRoutes(const core::PlanShape& shape, const char* function) {
  if (shape.block_size == 0) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "plan is for full attention, expected block-sparse attention for %s", function);
  }
  if (shape.options.top_k == 0) {
    return Fail(MOBA_INVALID_ARGUMENT, "plan has top_k 0, expected at least 1 for %s", function);
  }
  return MOBA_OK;
}

int32_t CheckOperation(const core::PlanShape& shape, const Arguments& arguments,
                       const moba_run_shapes& shapes) {
  switch (arguments.operation) {
    case Operation::kRoute:
      return CheckRoutes(shape, "moba_route");
    case Operation::kAttend:
      if (shape.block_size == 0 && shapes.selected.ndim == 0) return MOBA_OK;
      return CheckRoutes(
          shape, shapes.selected.ndim == 0 ? "moba_attend" : "moba_attend with a selection");
    case Operation::kAttendSelected:
      if (shape.block_size > 0) return MOBA_OK;
      return Fail(MOBA_INVALID_ARGUMENT,
                  "plan is for full attention, expected block-sparse attention for "
                  "moba_attend_selected");
  }
  return MOBA_OK;
}

int32_t CheckSelectionWidth(const core::PlanShape& shape, Operation operation, int64_t width,
                            int64_t most_blocks) {
  if (operation == Operation::kAttendSelected) {
    if (width >= 1 && width <= shape.max_selected) return MOBA_OK;
    return Fail(MOBA_INVALID_ARGUMENT,
                "selected has %lld blocks per row, expected 1 to the plan's max_selected = %lld",
                static_cast<LongLong>(width), static_cast<LongLong>(shape.max_selected));
  }
  const int64_t expected = SelectionWidth(shape, most_blocks);
  if (width == expected) return MOBA_OK;
  return Fail(MOBA_INVALID_ARGUMENT,
              "selected has %lld blocks per row, expected %lld = min(top_k, most blocks in any "
              "sequence)",
              static_cast<LongLong>(width), static_cast<LongLong>(expected));
}

int32_t CheckWorkspace(const moba_plan& plan, const Workspace& workspace) {
  if (const int32_t status = CheckStream(*plan.engine, workspace.stream)) return status;
  if (workspace.data == nullptr && plan.workspace_bytes > 0) {
    return Fail(MOBA_INVALID_ARGUMENT, "workspace is NULL, expected %lld bytes",
                static_cast<LongLong>(plan.workspace_bytes));
  }
  if (workspace.bytes < plan.workspace_bytes) {
    return Fail(MOBA_INVALID_ARGUMENT, "workspace_bytes is %lld, expected at least %lld",
                static_cast<LongLong>(workspace.bytes),
                static_cast<LongLong>(plan.workspace_bytes));
  }
  const auto misaligned = reinterpret_cast<uintptr_t>(workspace.data) % core::kWorkspaceAlignment;
  if (misaligned != 0) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "workspace is at an address that is %d modulo 64, expected alignment to 64 bytes",
                static_cast<int>(misaligned));
  }
  return MOBA_OK;
}

int32_t CheckControl(const int64_t* progress, const int32_t* cancel) {
  if (reinterpret_cast<uintptr_t>(progress) % alignof(int64_t) != 0) {
    return Fail(MOBA_INVALID_ARGUMENT, "progress is misaligned, expected alignment to 8 bytes");
  }
  if (reinterpret_cast<uintptr_t>(cancel) % alignof(int32_t) != 0) {
    return Fail(MOBA_INVALID_ARGUMENT, "cancel is misaligned, expected alignment to 4 bytes");
  }
  return MOBA_OK;
}

// Reads the sequences into `table`, if there is one, and finds the most blocks of any.
int32_t ReadSequences(const Sequences& sequences, int64_t block_size, core::Sequence* table,
                      int64_t& most_blocks) {
  most_blocks = 0;
  core::Sequence previous;
  for (int64_t s = 0; s < sequences.size(); ++s) {
    core::Sequence sequence;
    if (const int32_t status = sequences.Next(s, s == 0 ? nullptr : &previous, sequence)) {
      return status;
    }
    if (block_size > 0) {
      most_blocks = std::max(most_blocks, core::CeilDiv(sequence.k_len, block_size));
    }
    if (table != nullptr) table[s] = sequence;
    previous = sequence;
  }
  return MOBA_OK;
}

int32_t Cancelled() { return Fail(MOBA_CANCELLED, "the run was stopped by its cancel flag"); }

// Reads the sequences one after the other, from memory that may have changed since it was checked.
struct SequenceReader {
  const Sequences* sequences;
  core::Sequence previous;
  int32_t status = MOBA_OK;

  static bool Next(void* reader, int64_t index, core::Sequence* sequence) {
    auto& self = *static_cast<SequenceReader*>(reader);
    self.status = self.sequences->Next(index, index == 0 ? nullptr : &self.previous, *sequence);
    self.previous = *sequence;
    return self.status == MOBA_OK;
  }
};

// The run is one unit of work, done when it is enqueued.
int32_t RunOnDevice(const moba_plan& plan, const core::Problem& problem, const Sequences& sequences,
                    const Workspace& workspace, const core::Control& control) {
  const Engine& engine = *plan.engine;
  control.Begin(1);
  if (control.Cancelled()) return Cancelled();
  SequenceReader reader = {&sequences, {}};
  const core::SequenceSource source = {&SequenceReader::Next, &reader};
  const core::DeviceResult result = engine.device->run(
      engine.ordinal, plan.device_plan.get(), problem, source, workspace.data, workspace.stream);
  if (result.status == core::DeviceStatus::kInvalidSequences) return reader.status;
  if (result.status == core::DeviceStatus::kOk) control.Advance(1);
  return FromDevice(result);
}

int32_t Run(const moba_plan* plan, const moba_run_shapes* input, const Arguments& arguments,
            const Workspace& workspace, int64_t* progress, const int32_t* cancel) {
  if (plan == nullptr) return Fail(MOBA_INVALID_ARGUMENT, "plan is NULL, expected a live plan");
  // The gates count runs: the only part of a plan and of an engine that changes.
  const GatePass in_plan(const_cast<moba_plan*>(plan)->gate);
  const GatePass in_engine(plan->engine->gate);
  if (!in_plan || !in_engine) {
    return Fail(MOBA_CLOSED, "%s was destroyed, expected a live one",
                in_plan ? "the plan's engine" : "plan");
  }
  moba_run_shapes shapes;
  if (const int32_t status = ReadStruct("shapes", input, shapes)) return status;
  const Engine& engine = *plan->engine;
  const core::PlanShape& shape = plan->shape;
  if (const int32_t status = CheckOperation(shape, arguments, shapes)) return status;
  if (const int32_t status = CheckWorkspace(*plan, workspace)) return status;
  if (const int32_t status = CheckControl(progress, cancel)) return status;
  Tensors tensors;
  Sequences sequences;
  if (const int32_t status =
          ReadRun(shape, DeviceOf(engine), shapes, arguments,
                  Contiguous("workspace", workspace.data, plan->workspace_bytes),
                  Contiguous("progress", progress, 2 * sizeof *progress), tensors, sequences)) {
    return status;
  }

  core::Carver carver(workspace.data);
  core::Sequence* const table = plan->cpu_plan ? plan->cpu_plan->CarveSequences(carver) : nullptr;
  int64_t most_blocks = 0;
  if (const int32_t status = ReadSequences(sequences, shape.block_size, table, most_blocks)) {
    return status;
  }
  const bool given = arguments.operation == Operation::kAttendSelected;
  if (tensors.selected.rows) {
    if (const int32_t status = CheckSelectionWidth(shape, arguments.operation,
                                                   tensors.selected.channels, most_blocks)) {
      return status;
    }
  }
  const core::Problem problem = {
      .operation = arguments.operation,
      .dtype = shape.dtype,
      .options = shape.options,
      .num_heads = shape.num_heads,
      .num_kv_heads = shape.num_kv_heads,
      .head_dim = shape.head_dim,
      .head_dim_v = shape.head_dim_v,
      .q = tensors.q.Input(),
      .k = tensors.k.Input(),
      .v = tensors.v.Input(),
      .o = tensors.o.rows,
      .lse = tensors.lse.rows,
      .selected_out = given ? core::OutputRows{} : tensors.selected.rows,
      .selected_in = given ? tensors.selected.Input() : core::InputRows{},
      .selected_width = tensors.selected.channels,
      .sequences = table,
      .num_sequences = sequences.size(),
  };
  const core::Control control(progress, cancel);
  if (engine.device != nullptr) {
    return RunOnDevice(*plan, problem, sequences, workspace, control);
  }
  cpu::ThreadPool& pool = *engine.pool;
  if (given) {
    if (const int32_t status =
            CheckSelection(problem, shapes.q.ndim == 4, shape.block_size, table, pool, control)) {
      return status;
    }
  }
  if (!cpu::Run(*plan->cpu_plan, problem, table, pool, workspace.data, control)) {
    return Cancelled();
  }
  return MOBA_OK;
}

int32_t Width(const moba_plan& plan, const moba_run_shapes* input, const Arguments& arguments,
              int64_t* width) {
  if (width == nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "width is NULL, expected where to put it");
  }
  moba_run_shapes shapes;
  if (const int32_t status = ReadStruct("shapes", input, shapes)) return status;
  const core::PlanShape& shape = plan.shape;
  if (const int32_t status = CheckRoutes(shape, "moba_selection_width")) return status;
  Sequences sequences;
  if (const int32_t status =
          ReadRunShapes(shape, DeviceOf(*plan.engine), shapes, arguments, sequences))
    return status;
  int64_t most_blocks = 0;
  if (const int32_t status = ReadSequences(sequences, shape.block_size, nullptr, most_blocks)) {
    return status;
  }
  *width = SelectionWidth(shape, most_blocks);
  return MOBA_OK;
}

}  // namespace
}  // namespace moba::api

using moba::api::Arguments;
using moba::core::Operation;

extern "C" {

int32_t moba_selection_width(const moba_plan* plan, const moba_run_shapes* shapes,
                             const void* cu_seqlens_q, const void* cu_seqlens_k, int64_t* width) {
  const Arguments arguments = {
      .operation = Operation::kRoute, .cu_seqlens_q = cu_seqlens_q, .cu_seqlens_k = cu_seqlens_k};
  return moba::api::InPlan(plan, [&](const moba_plan& live) {
    return moba::api::Width(live, shapes, arguments, width);
  });
}

int32_t moba_route(const moba_plan* plan, const moba_run_shapes* shapes, const void* q,
                   const void* k, const void* cu_seqlens_q, const void* cu_seqlens_k,
                   int32_t* selected, void* workspace, int64_t workspace_bytes, void* stream,
                   int64_t* progress, const int32_t* cancel) {
  const Arguments arguments = {.operation = Operation::kRoute,
                               .q = q,
                               .k = k,
                               .cu_seqlens_q = cu_seqlens_q,
                               .cu_seqlens_k = cu_seqlens_k,
                               .selected_out = selected};
  return moba::api::Run(plan, shapes, arguments, {workspace, workspace_bytes, stream}, progress,
                        cancel);
}

int32_t moba_attend(const moba_plan* plan, const moba_run_shapes* shapes, const void* q,
                    const void* k, const void* v, const void* cu_seqlens_q,
                    const void* cu_seqlens_k, void* o, float* lse, int32_t* selected,
                    void* workspace, int64_t workspace_bytes, void* stream, int64_t* progress,
                    const int32_t* cancel) {
  const Arguments arguments = {.operation = Operation::kAttend,
                               .q = q,
                               .k = k,
                               .v = v,
                               .cu_seqlens_q = cu_seqlens_q,
                               .cu_seqlens_k = cu_seqlens_k,
                               .o = o,
                               .lse = lse,
                               .selected_out = selected};
  return moba::api::Run(plan, shapes, arguments, {workspace, workspace_bytes, stream}, progress,
                        cancel);
}

int32_t moba_attend_selected(const moba_plan* plan, const moba_run_shapes* shapes, const void* q,
                             const void* k, const void* v, const void* cu_seqlens_q,
                             const void* cu_seqlens_k, const int32_t* selected, void* o, float* lse,
                             void* workspace, int64_t workspace_bytes, void* stream,
                             int64_t* progress, const int32_t* cancel) {
  const Arguments arguments = {.operation = Operation::kAttendSelected,
                               .q = q,
                               .k = k,
                               .v = v,
                               .cu_seqlens_q = cu_seqlens_q,
                               .cu_seqlens_k = cu_seqlens_k,
                               .selected_in = selected,
                               .o = o,
                               .lse = lse};
  return moba::api::Run(plan, shapes, arguments, {workspace, workspace_bytes, stream}, progress,
                        cancel);
}

}  // extern "C"
