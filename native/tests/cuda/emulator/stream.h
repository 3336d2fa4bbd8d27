// Streams of the emulated device. What is enqueued on a stream that was created is put off until
// somebody waits for it, so that a missing wait, or memory that is gone too early, shows in
// results. The default stream, NULL, works at once.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/queue.h"

namespace moba::cuda {

using Work = std::function<void()>;

class EmulatedStream;

// What a graph holds. While it is recorded, `origin` is the stream where that began.
struct EmulatedGraph {
  const EmulatedStream* origin = nullptr;
  bool valid = true;
  std::vector<Work> work;
};

// A point in a stream, or in a graph that is recorded.
struct EventRecord {
  std::shared_ptr<EmulatedStream> stream;
  std::shared_ptr<EmulatedGraph> graph;
  bool done = false;
  std::chrono::steady_clock::time_point time;
};

class EmulatedStream {
 public:
  // Into the graph that is recorded, if there is one.
  void Add(Work work);
  // Does the oldest work; false if there was none.
  bool Advance();

  bool idle() const { return work_.empty(); }

  std::shared_ptr<EmulatedGraph> recorded;

 private:
  std::deque<Work> work_;
};

// Holds the emulated device for the length of a call: everything below asks for it.
std::unique_lock<std::mutex> LockDevice();

// The runtime's answer to a handle it does not know.
Status UnknownHandle();
Status Refused(const char* name, const char* text);

// Sets `stream` to nullptr for the default one.
Status FindStream(void* handle, std::shared_ptr<EmulatedStream>& stream);
std::vector<std::shared_ptr<EmulatedStream>> LiveStreams();

// Does all that is enqueued anywhere.
void FinishEverything();

}  // namespace moba::cuda
