// The table that libmoba loads.
#include <cstdio>
#include <new>

#include "cuda/merge.h"
#include "cuda/run.h"
#include "cuda/runtime.h"

namespace moba::cuda {
namespace {

core::DeviceStatus StatusOf(Status::Code code) {
  switch (code) {
    case Status::Code::kOk:
      return core::DeviceStatus::kOk;
    case Status::Code::kNoSequence:
      return core::DeviceStatus::kInvalidSequences;
    case Status::Code::kOutOfMemory:
      return core::DeviceStatus::kOutOfMemory;
    case Status::Code::kDeviceError:
      break;
  }
  return core::DeviceStatus::kFailed;
}

core::DeviceResult ResultOf(int32_t ordinal, const Status& status) {
  core::DeviceResult result = {.status = StatusOf(status.code)};
  if (!status.ok()) {
    std::snprintf(result.text, sizeof result.text, "CUDA device %d: %s (%s)%s", ordinal,
                  status.name, status.text,
                  status.sticky ? "; this error is sticky: no call to the device will succeed "
                                  "until the process is started again"
                                : "");
  }
  return result;
}

template <auto kFunction>
struct OnDevice;

// A function of the selected device as one that is told which.
template <class... Arguments, Status (*kFunction)(Arguments...)>
struct OnDevice<kFunction> {
  static core::DeviceResult Call(int32_t ordinal, Arguments... arguments) {
    Status status = SelectDevice(ordinal);
    if (status.ok()) status = kFunction(arguments...);
    return ResultOf(ordinal, status);
  }
};

Status CreatePlan(const core::PlanShape& shape, void** plan, int64_t* workspace_bytes,
                  char* kernels, size_t size) {
  auto* const made = new (std::nothrow) Plan(MakePlan(shape));
  if (made == nullptr) return {.code = Status::Code::kOutOfMemory, .name = "plan"};
  *workspace_bytes = WorkspaceBytes(*made, Workers(), TensorCoresOfDevice());
  DescribeKernels(*made, TensorCoresOfDevice(), kernels, size);
  *plan = made;
  return Status::Ok();
}

Status DestroyPlan(void* plan) {
  delete static_cast<Plan*>(plan);
  return Status::Ok();
}

Status EnqueueRun(const void* plan, const core::Problem& problem,
                  const core::SequenceSource& sequences, void* workspace, void* stream) {
  return Run(*static_cast<const Plan*>(plan), problem, sequences, workspace,
             {stream, Workers(), TensorCoresOfDevice(), Multiprocessors()});
}

Status EnqueueMerge(const core::MergeProblem& problem, void* stream) {
  return LaunchMerge({stream, Workers()}, problem);
}

constexpr core::DeviceBackend kTable = {
    .describe = &DescribeDevice,
    .plan_create = &OnDevice<&CreatePlan>::Call,
    .plan_destroy = &OnDevice<&DestroyPlan>::Call,
    .run = &OnDevice<&EnqueueRun>::Call,
    .merge = &OnDevice<&EnqueueMerge>::Call,
    .memory_allocate = &OnDevice<&AllocateMemory>::Call,
    .memory_free = &OnDevice<&FreeMemory>::Call,
    .memory_info = &OnDevice<&DescribeMemory>::Call,
    .memory_copy = &OnDevice<&CopyMemory>::Call,
    .stream_create = &OnDevice<&CreateStream>::Call,
    .stream_destroy = &OnDevice<&DestroyStream>::Call,
    .stream_synchronize = &OnDevice<&SynchronizeStream>::Call,
    .stream_query = &OnDevice<&QueryStream>::Call,
    .stream_wait_event = &OnDevice<&WaitForEvent>::Call,
    .event_create = &OnDevice<&CreateEvent>::Call,
    .event_destroy = &OnDevice<&DestroyEvent>::Call,
    .event_record = &OnDevice<&RecordEvent>::Call,
    .event_synchronize = &OnDevice<&SynchronizeEvent>::Call,
    .event_query = &OnDevice<&QueryEvent>::Call,
    .event_elapsed = &OnDevice<&ElapsedBetween>::Call,
    .graph_begin = &OnDevice<&BeginGraph>::Call,
    .graph_end = &OnDevice<&EndGraph>::Call,
    .graph_launch = &OnDevice<&LaunchGraph>::Call,
    .graph_destroy = &OnDevice<&DestroyGraph>::Call,
};

}  // namespace
}  // namespace moba::cuda

extern "C" __attribute__((visibility("default"))) const moba::core::DeviceBackend*
moba_device_backend() {
  return &moba::cuda::kTable;
}
