// Graphs of the emulated device: what was enqueued on a stream while it was recorded.
#include <utility>

#include "cuda/block.h"
#include "cuda/runtime.h"
#include "cuda/emulator/handles.h"
#include "cuda/emulator/stream.h"

namespace moba::cuda {
namespace {

Handles<EmulatedGraph>& Graphs() {
  static Handles<EmulatedGraph> graphs;
  return graphs;
}

Status IllegalState() {
  return Refused("cudaErrorIllegalState", "the operation cannot be performed in the present state");
}

}  // namespace

Status BeginGraph(void* handle) {
  const auto lock = LockDevice();
  std::shared_ptr<EmulatedStream> stream;
  if (const Status status = FindStream(handle, stream); !status.ok()) return status;
  if (stream == nullptr) {
    return Refused("cudaErrorStreamCaptureUnsupported",
                   "operation not permitted when stream is capturing");
  }
  if (stream->recorded != nullptr) return IllegalState();
  stream->recorded = std::make_shared<EmulatedGraph>();
  stream->recorded->origin = stream.get();
  return Status::Ok();
}

Status EndGraph(void* handle, void** graph) {
  const auto lock = LockDevice();
  std::shared_ptr<EmulatedStream> stream;
  if (const Status status = FindStream(handle, stream); !status.ok()) return status;
  if (stream == nullptr || stream->recorded == nullptr) return IllegalState();
  const std::shared_ptr<EmulatedGraph> recorded = stream->recorded;
  if (recorded->origin != stream.get()) {
    return Refused("cudaErrorStreamCaptureUnmatched",
                   "capture was not ended in the same stream as it began");
  }
  recorded->origin = nullptr;
  for (const std::shared_ptr<EmulatedStream>& other : LiveStreams()) {
    if (other->recorded == recorded) other->recorded = nullptr;
  }
  if (!recorded->valid) {
    return Refused("cudaErrorStreamCaptureInvalidated",
                   "operation failed due to a previous error during capture");
  }
  *graph = Graphs().Add(recorded);
  return Status::Ok();
}

Status LaunchGraph(void* handle, void* stream) {
  std::shared_ptr<EmulatedGraph> graph;
  {
    const auto lock = LockDevice();
    graph = Graphs().Find(handle);
  }
  if (graph == nullptr) return UnknownHandle();
  return Enqueue({stream, Workers()}, [graph] {
    for (const Work& work : graph->work) work();
  });
}

Status DestroyGraph(void* handle) {
  const auto lock = LockDevice();
  return Graphs().Remove(handle) == nullptr ? UnknownHandle() : Status::Ok();
}

}  // namespace moba::cuda
