// Streams and events.
#include "cuda/runtime.h"
#include "cuda/runtime_error.h"

namespace moba::cuda {
namespace {

cudaStream_t StreamOf(void* handle) { return static_cast<cudaStream_t>(handle); }
cudaEvent_t EventOf(void* handle) { return static_cast<cudaEvent_t>(handle); }

// What a query answered: that something is not ready is no error.
Status Answer(cudaError_t answer, int32_t* done) {
  const Status status = FromRuntime(answer);
  if (!status.ok() && answer != cudaErrorNotReady) return status;
  *done = status.ok() ? 1 : 0;
  return Status::Ok();
}

}  // namespace

Status CreateStream(void** stream) {
  cudaStream_t made = nullptr;
  const Status status = FromRuntime(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
  if (status.ok()) *stream = made;
  return status;
}

Status DestroyStream(void* stream) { return FromRuntime(cudaStreamDestroy(StreamOf(stream))); }

Status SynchronizeStream(void* stream) {
  return FromRuntime(cudaStreamSynchronize(StreamOf(stream)));
}

Status QueryStream(void* stream, int32_t* done) {
  return Answer(cudaStreamQuery(StreamOf(stream)), done);
}

Status WaitForEvent(void* stream, void* event) {
  return FromRuntime(cudaStreamWaitEvent(StreamOf(stream), EventOf(event), cudaEventWaitDefault));
}

Status CreateEvent(void** event) {
  cudaEvent_t made = nullptr;
  const Status status = FromRuntime(cudaEventCreate(&made));
  if (status.ok()) *event = made;
  return status;
}

Status DestroyEvent(void* event) { return FromRuntime(cudaEventDestroy(EventOf(event))); }

Status RecordEvent(void* event, void* stream) {
  return FromRuntime(cudaEventRecord(EventOf(event), StreamOf(stream)));
}

Status SynchronizeEvent(void* event) { return FromRuntime(cudaEventSynchronize(EventOf(event))); }

Status QueryEvent(void* event, int32_t* done) {
  return Answer(cudaEventQuery(EventOf(event)), done);
}

Status ElapsedBetween(void* start, void* end, float* milliseconds) {
  float elapsed = 0;
  const Status status = FromRuntime(cudaEventElapsedTime(&elapsed, EventOf(start), EventOf(end)));
  if (status.ok()) *milliseconds = elapsed;
  return status;
}

}  // namespace moba::cuda
