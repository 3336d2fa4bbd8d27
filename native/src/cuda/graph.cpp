// Recording of a stream's work, to be launched again and again.
#include "cuda/runtime.h"
#include "cuda/runtime_error.h"

namespace moba::cuda {

// Relaxed: callers whose threads are not the system's, such as Java's, may end a recording on
// another than began it.
Status BeginGraph(void* stream) {
  return FromRuntime(
      cudaStreamBeginCapture(static_cast<cudaStream_t>(stream), cudaStreamCaptureModeRelaxed));
}

Status EndGraph(void* stream, void** graph) {
  cudaGraph_t recorded = nullptr;
  if (const Status status =
          FromRuntime(cudaStreamEndCapture(static_cast<cudaStream_t>(stream), &recorded));
      !status.ok()) {
    return status;
  }
  cudaGraphExec_t launchable = nullptr;
  const Status status = FromRuntime(cudaGraphInstantiate(&launchable, recorded, 0));
  static_cast<void>(cudaGraphDestroy(recorded));
  if (status.ok()) *graph = launchable;
  return status;
}

Status LaunchGraph(void* graph, void* stream) {
  return FromRuntime(
      cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), static_cast<cudaStream_t>(stream)));
}

Status DestroyGraph(void* graph) {
  return FromRuntime(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)));
}

}  // namespace moba::cuda
