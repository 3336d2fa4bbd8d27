#include "cuda/emulator/stream.h"

#include <algorithm>
#include <utility>

#include "cpu/float_environment.h"
#include "cuda/block.h"
#include "cuda/runtime.h"
#include "cuda/emulator/handles.h"

namespace moba::cuda {
namespace {

using Stream = std::shared_ptr<EmulatedStream>;

struct EmulatedEvent {
  std::shared_ptr<EventRecord> latest;
};

struct Device {
  std::mutex mutex;
  Handles<EmulatedStream> streams;
  Handles<EmulatedEvent> events;
  std::vector<Stream> destroyed;  // with work that is still to be done
};

// Stays when the process ends, as a device does: what is still enqueued then is never done.
Device& TheDevice() {
  static Device& device = *new Device;
  return device;
}

// A device knows nothing of the floating-point environment of the thread that waits for it.
void Do(const Work& work) {
  const cpu::DefaultFloatEnvironment environment;
  work();
}

void Complete(EventRecord& record) {
  record.done = true;
  record.time = std::chrono::steady_clock::now();
  record.stream.reset();
}

// The record was made before whatever waits for it, so its stream gets there.
void WorkUntil(const EventRecord& record) {
  for (Stream stream = record.stream; !record.done;) stream->Advance();
}

// Nobody may wait for what is recorded, or ask about it.
Status CheckNotRecorded(const Stream& stream) {
  if (stream == nullptr || stream->recorded == nullptr) return Status::Ok();
  stream->recorded->valid = false;
  return Refused("cudaErrorStreamCaptureUnsupported",
                 "operation not permitted when stream is capturing");
}

// The record that an event stands for, nullptr if there is none; not of a graph.
Status FindRecord(void* handle, std::shared_ptr<EventRecord>& record) {
  const std::shared_ptr<EmulatedEvent> event = TheDevice().events.Find(handle);
  if (event == nullptr) return UnknownHandle();
  record = event->latest;
  if (record == nullptr || record->graph == nullptr) return Status::Ok();
  record->graph->valid = false;
  return Refused("cudaErrorCapturedEvent",
                 "operation not permitted on an event last recorded in a capturing stream");
}

}  // namespace

void EmulatedStream::Add(Work work) {
  if (recorded != nullptr) {
    recorded->work.push_back(std::move(work));
  } else {
    work_.push_back(std::move(work));
  }
}

bool EmulatedStream::Advance() {
  if (work_.empty()) return false;
  const Work work = std::move(work_.front());
  work_.pop_front();
  Do(work);
  return true;
}

std::unique_lock<std::mutex> LockDevice() { return std::unique_lock(TheDevice().mutex); }

Status Refused(const char* name, const char* text) {
  return {.code = Status::Code::kDeviceError, .name = name, .text = text};
}

Status UnknownHandle() {
  return Refused("cudaErrorInvalidResourceHandle", "invalid resource handle");
}

Status FindStream(void* handle, Stream& stream) {
  stream = TheDevice().streams.Find(handle);
  return handle == nullptr || stream != nullptr ? Status::Ok() : UnknownHandle();
}

std::vector<Stream> LiveStreams() {
  std::vector<Stream> streams;
  for (const auto& [handle, stream] : TheDevice().streams.all()) streams.push_back(stream);
  return streams;
}

void FinishEverything() {
  std::vector<Stream> streams = LiveStreams();
  std::vector<Stream>& destroyed = TheDevice().destroyed;
  streams.insert(streams.end(), destroyed.begin(), destroyed.end());
  for (const Stream& stream : streams) {
    while (stream->Advance()) {
    }
  }
  destroyed.clear();
}

Status Enqueue(const Queue& queue, Work work) {
  auto lock = LockDevice();
  Stream stream;
  if (const Status status = FindStream(queue.stream, stream); !status.ok()) return status;
  if (stream != nullptr) {
    stream->Add(std::move(work));
    return Status::Ok();
  }
  lock.unlock();
  Do(work);
  return Status::Ok();
}

Status CreateStream(void** stream) {
  const auto lock = LockDevice();
  *stream = TheDevice().streams.Add(std::make_shared<EmulatedStream>());
  return Status::Ok();
}

Status DestroyStream(void* handle) {
  const auto lock = LockDevice();
  Stream stream = TheDevice().streams.Remove(handle);
  if (stream == nullptr) return UnknownHandle();
  if (!stream->idle()) TheDevice().destroyed.push_back(std::move(stream));
  return Status::Ok();
}

Status SynchronizeStream(void* handle) {
  const auto lock = LockDevice();
  Stream stream;
  if (const Status status = FindStream(handle, stream); !status.ok()) return status;
  if (const Status status = CheckNotRecorded(stream); !status.ok()) return status;
  while (stream != nullptr && stream->Advance()) {
  }
  return Status::Ok();
}

// What is asked about goes on a little, so that asking again and again comes to an end.
Status QueryStream(void* handle, int32_t* done) {
  const auto lock = LockDevice();
  Stream stream;
  if (const Status status = FindStream(handle, stream); !status.ok()) return status;
  if (const Status status = CheckNotRecorded(stream); !status.ok()) return status;
  *done = stream == nullptr || !stream->Advance() ? 1 : 0;
  return Status::Ok();
}

Status WaitForEvent(void* handle, void* event_handle) {
  const auto lock = LockDevice();
  Stream stream;
  if (const Status status = FindStream(handle, stream); !status.ok()) return status;
  const std::shared_ptr<EmulatedEvent> event = TheDevice().events.Find(event_handle);
  if (event == nullptr) return UnknownHandle();
  const std::shared_ptr<EventRecord> record = event->latest;
  if (record == nullptr) return Status::Ok();
  if (record->graph != nullptr) {
    // A stream that waits for an event of a recording takes part in it.
    if (record->graph->origin == nullptr || stream == nullptr) {
      return Refused("cudaErrorCapturedEvent",
                     "operation not permitted on an event last recorded in a capturing stream");
    }
    stream->recorded = record->graph;
    return Status::Ok();
  }
  if (stream == nullptr) {
    WorkUntil(*record);
    return Status::Ok();
  }
  if (stream->recorded != nullptr) {
    stream->recorded->valid = false;
    return Refused("cudaErrorStreamCaptureIsolation",
                   "dependency created on uncaptured work in another stream");
  }
  stream->Add([record] { WorkUntil(*record); });
  return Status::Ok();
}

Status CreateEvent(void** event) {
  const auto lock = LockDevice();
  *event = TheDevice().events.Add(std::make_shared<EmulatedEvent>());
  return Status::Ok();
}

Status DestroyEvent(void* event) {
  const auto lock = LockDevice();
  return TheDevice().events.Remove(event) == nullptr ? UnknownHandle() : Status::Ok();
}

Status RecordEvent(void* event_handle, void* handle) {
  const auto lock = LockDevice();
  Stream stream;
  if (const Status status = FindStream(handle, stream); !status.ok()) return status;
  const std::shared_ptr<EmulatedEvent> event = TheDevice().events.Find(event_handle);
  if (event == nullptr) return UnknownHandle();
  const auto record = std::make_shared<EventRecord>();
  event->latest = record;
  if (stream == nullptr) {
    Complete(*record);
  } else if (stream->recorded != nullptr) {
    record->graph = stream->recorded;
  } else {
    record->stream = stream;
    stream->Add([record] { Complete(*record); });
  }
  return Status::Ok();
}

Status SynchronizeEvent(void* event) {
  const auto lock = LockDevice();
  std::shared_ptr<EventRecord> record;
  if (const Status status = FindRecord(event, record); !status.ok()) return status;
  if (record != nullptr) WorkUntil(*record);
  return Status::Ok();
}

Status QueryEvent(void* event, int32_t* done) {
  const auto lock = LockDevice();
  std::shared_ptr<EventRecord> record;
  if (const Status status = FindRecord(event, record); !status.ok()) return status;
  *done = record == nullptr || record->done ? 1 : 0;
  if (*done == 0) Stream(record->stream)->Advance();
  return Status::Ok();
}

Status ElapsedBetween(void* start, void* end, float* milliseconds) {
  const auto lock = LockDevice();
  std::shared_ptr<EventRecord> from;
  std::shared_ptr<EventRecord> to;
  if (const Status status = FindRecord(start, from); !status.ok()) return status;
  if (const Status status = FindRecord(end, to); !status.ok()) return status;
  if (from == nullptr || to == nullptr) return UnknownHandle();
  if (!from->done || !to->done) return Refused("cudaErrorNotReady", "device not ready");
  *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
  return Status::Ok();
}

}  // namespace moba::cuda
