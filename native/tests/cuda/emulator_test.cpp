// The emulated device behind the backend's table: that it shows what it is there to show.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "cuda/block.h"
#include "cuda/emulator/device.h"
#include "cuda/runtime.h"

extern "C" const moba::core::DeviceBackend* moba_device_backend();

namespace moba::cuda {
namespace {

using core::DeviceStatus;
using core::MemoryKind;

class EmulatedRuntime : public testing::Test {
 protected:
  static DeviceStatus StatusOf(const core::DeviceResult& result) {
    sentence = result.text;
    return result.status;
  }
  void* Stream() {
    void* stream = nullptr;
    EXPECT_EQ(StatusOf(device.stream_create(0, &stream)), DeviceStatus::kOk);
    return stream;
  }
  void* Event() {
    void* event = nullptr;
    EXPECT_EQ(StatusOf(device.event_create(0, &event)), DeviceStatus::kOk);
    return event;
  }
  void* Allocate(int64_t bytes) {
    void* address = nullptr;
    EXPECT_EQ(StatusOf(device.memory_allocate(0, MemoryKind::kDevice, bytes, &address)),
              DeviceStatus::kOk);
    return address;
  }
  int64_t FreeBytes() {
    int64_t free_bytes = 0;
    int64_t total_bytes = 0;
    EXPECT_EQ(StatusOf(device.memory_info(0, &free_bytes, &total_bytes)), DeviceStatus::kOk);
    return free_bytes;
  }

  // Writes a letter to `log`.
  Status EnqueueLetter(void* stream, char letter) {
    return Enqueue({stream, 1}, [this, letter] { log += letter; });
  }

  const core::DeviceBackend& device = *moba_device_backend();
  inline static thread_local std::string sentence;
  std::string log;
};

struct Put {
  struct Shared {};
  int value;
  int* target;
  void operator()(Block&, Shared&, int64_t) const { *target = value; }
};

TEST_F(EmulatedRuntime, PutsWorkOffUntilItsStreamIsWaitedFor) {
  void* const stream = Stream();
  void* const other = Stream();
  int target = 0;
  ASSERT_TRUE(Launch({stream, 1}, Put{1, &target}, 1).ok());
  EXPECT_EQ(StatusOf(device.stream_synchronize(0, other)), DeviceStatus::kOk);
  EXPECT_EQ(StatusOf(device.stream_synchronize(0, nullptr)), DeviceStatus::kOk);
  EXPECT_EQ(target, 0);
  EXPECT_EQ(StatusOf(device.stream_synchronize(0, stream)), DeviceStatus::kOk);
  EXPECT_EQ(target, 1);
  ASSERT_TRUE(Launch({nullptr, 1}, Put{2, &target}, 1).ok());
  EXPECT_EQ(target, 2);
}

// A copy takes what is there when it is its turn, and shows a source that was used again.
TEST_F(EmulatedRuntime, CopiesLate) {
  void* const stream = Stream();
  char source = 'a';
  char target = '?';
  ASSERT_EQ(StatusOf(device.memory_copy(0, &target, &source, 1, stream)), DeviceStatus::kOk);
  source = 'b';
  EXPECT_EQ(target, '?');
  ASSERT_EQ(StatusOf(device.stream_synchronize(0, stream)), DeviceStatus::kOk);
  EXPECT_EQ(target, 'b');
}

TEST_F(EmulatedRuntime, EventCoversWhatWasEnqueuedBefore) {
  void* const stream = Stream();
  void* const event = Event();
  ASSERT_TRUE(EnqueueLetter(stream, 'a').ok());
  ASSERT_EQ(StatusOf(device.event_record(0, event, stream)), DeviceStatus::kOk);
  ASSERT_TRUE(EnqueueLetter(stream, 'b').ok());
  ASSERT_EQ(StatusOf(device.event_synchronize(0, event)), DeviceStatus::kOk);
  EXPECT_EQ(log, "a");
  ASSERT_EQ(StatusOf(device.stream_synchronize(0, stream)), DeviceStatus::kOk);
  EXPECT_EQ(log, "ab");
}

// A wait is for the record of when it was enqueued, not for later ones.
TEST_F(EmulatedRuntime, StreamsWaitForEachOther) {
  void* const one = Stream();
  void* const other = Stream();
  void* const event = Event();
  void* const answer = Event();
  ASSERT_TRUE(EnqueueLetter(one, 'a').ok());
  ASSERT_EQ(StatusOf(device.event_record(0, event, one)), DeviceStatus::kOk);
  ASSERT_EQ(StatusOf(device.stream_wait_event(0, other, event)), DeviceStatus::kOk);
  ASSERT_TRUE(EnqueueLetter(other, 'b').ok());
  ASSERT_EQ(StatusOf(device.event_record(0, answer, other)), DeviceStatus::kOk);
  ASSERT_EQ(StatusOf(device.stream_wait_event(0, one, answer)), DeviceStatus::kOk);
  ASSERT_TRUE(EnqueueLetter(one, 'c').ok());
  ASSERT_EQ(StatusOf(device.event_record(0, event, one)), DeviceStatus::kOk);
  ASSERT_EQ(StatusOf(device.stream_synchronize(0, other)), DeviceStatus::kOk);
  EXPECT_EQ(log, "ab");
  ASSERT_EQ(StatusOf(device.stream_synchronize(0, one)), DeviceStatus::kOk);
  EXPECT_EQ(log, "abc");
}

TEST_F(EmulatedRuntime, DestroyedStreamWorksWhenMemoryIsFreed) {
  void* const memory = Allocate(1);
  void* const stream = Stream();
  ASSERT_TRUE(EnqueueLetter(stream, 'a').ok());
  EXPECT_EQ(StatusOf(device.stream_destroy(0, stream)), DeviceStatus::kOk);
  EXPECT_EQ(log, "");
  EXPECT_EQ(StatusOf(device.memory_free(0, MemoryKind::kDevice, memory)), DeviceStatus::kOk);
  EXPECT_EQ(log, "a");
}

TEST_F(EmulatedRuntime, AnswersNotDoneWhileThereIsWork) {
  void* const stream = Stream();
  void* const event = Event();
  ASSERT_TRUE(EnqueueLetter(stream, 'a').ok());
  ASSERT_EQ(StatusOf(device.event_record(0, event, stream)), DeviceStatus::kOk);
  int32_t done = -1;
  EXPECT_EQ(StatusOf(device.event_query(0, event, &done)), DeviceStatus::kOk);
  EXPECT_EQ(done, 0);
  EXPECT_EQ(StatusOf(device.stream_query(0, stream, &done)), DeviceStatus::kOk);
  EXPECT_EQ(done, 0);
  EXPECT_EQ(StatusOf(device.event_query(0, event, &done)), DeviceStatus::kOk);
  EXPECT_EQ(done, 1);
  EXPECT_EQ(log, "a");
}

TEST_F(EmulatedRuntime, FreshMemoryIsPoison) {
  auto* const memory = static_cast<float*>(Allocate(3 * sizeof(float)));
  for (int i = 0; i < 3; ++i) EXPECT_NE(memory[i], memory[i]);
  EXPECT_EQ(StatusOf(device.memory_free(0, MemoryKind::kDevice, memory)), DeviceStatus::kOk);
}

TEST_F(EmulatedRuntime, CountsMemoryUpToItsLimit) {
  const int64_t before = FreeBytes();
  void* const memory = Allocate(1000);
  EXPECT_EQ(FreeBytes(), before - 1000);
  setenv("MOBA_EMULATED_BYTES", "5000", 1);
  void* address = nullptr;
  for (MemoryKind kind : {MemoryKind::kDevice, MemoryKind::kPinned}) {
    EXPECT_EQ(StatusOf(device.memory_allocate(0, kind, 4001, &address)),
              DeviceStatus::kOutOfMemory);
    EXPECT_EQ(sentence, "CUDA device 0: cudaErrorMemoryAllocation (out of memory)");
  }
  EXPECT_EQ(address, nullptr);
  unsetenv("MOBA_EMULATED_BYTES");
  EXPECT_EQ(StatusOf(device.memory_free(0, MemoryKind::kDevice, memory)), DeviceStatus::kOk);
  EXPECT_EQ(FreeBytes(), before);
}

TEST_F(EmulatedRuntime, WritesBesideMemoryAreStickyErrors) {
  auto* const memory = static_cast<char*>(Allocate(100));
  memory[100] = 0;
  EXPECT_EQ(StatusOf(device.memory_free(0, MemoryKind::kDevice, memory)), DeviceStatus::kFailed);
  EXPECT_EQ(sentence,
            "CUDA device 0: cudaErrorIllegalAddress (an illegal memory access was encountered); "
            "this error is sticky: no call to the device will succeed until the process is started "
            "again");
  const std::string first = sentence;
  int64_t bytes = 0;
  EXPECT_EQ(StatusOf(device.memory_info(0, &bytes, &bytes)), DeviceStatus::kFailed);
  EXPECT_EQ(sentence, first);
  moba::cuda::emulated_loss = false;
  EXPECT_EQ(StatusOf(device.memory_info(0, &bytes, &bytes)), DeviceStatus::kOk);
}

TEST_F(EmulatedRuntime, GraphDoesItsWorkWhenLaunched) {
  void* const stream = Stream();
  void* graph = nullptr;
  ASSERT_TRUE(EnqueueLetter(stream, 'a').ok());
  ASSERT_EQ(StatusOf(device.graph_begin(0, stream)), DeviceStatus::kOk);
  ASSERT_TRUE(EnqueueLetter(stream, 'g').ok());
  ASSERT_TRUE(EnqueueLetter(stream, 'h').ok());
  ASSERT_EQ(StatusOf(device.graph_end(0, stream, &graph)), DeviceStatus::kOk);
  ASSERT_EQ(StatusOf(device.graph_launch(0, graph, stream)), DeviceStatus::kOk);
  ASSERT_TRUE(EnqueueLetter(stream, 'b').ok());
  ASSERT_EQ(StatusOf(device.graph_launch(0, graph, stream)), DeviceStatus::kOk);
  EXPECT_EQ(log, "");
  ASSERT_EQ(StatusOf(device.stream_synchronize(0, stream)), DeviceStatus::kOk);
  EXPECT_EQ(log, "aghbgh");
  EXPECT_EQ(StatusOf(device.graph_destroy(0, graph)), DeviceStatus::kOk);
  EXPECT_EQ(StatusOf(device.graph_launch(0, graph, stream)), DeviceStatus::kFailed);
}

TEST_F(EmulatedRuntime, RecordedWorkIsNeitherWaitedForNorAskedAbout) {
  void* const stream = Stream();
  void* const event = Event();
  int32_t done = -1;
  const std::function<core::DeviceResult()> offences[] = {
      [&] { return device.stream_synchronize(0, stream); },
      [&] { return device.stream_query(0, stream, &done); },
      [&] { return device.event_synchronize(0, event); },
      [&] { return device.event_query(0, event, &done); },
  };
  for (const auto& offend : offences) {
    ASSERT_EQ(StatusOf(device.graph_begin(0, stream)), DeviceStatus::kOk);
    ASSERT_EQ(StatusOf(device.event_record(0, event, stream)), DeviceStatus::kOk);
    EXPECT_EQ(StatusOf(offend()), DeviceStatus::kFailed);
    void* graph = nullptr;
    EXPECT_EQ(StatusOf(device.graph_end(0, stream, &graph)), DeviceStatus::kFailed);
    EXPECT_EQ(graph, nullptr);
  }
}

TEST_F(EmulatedRuntime, RecordingDoesNotWaitForOtherWork) {
  void* const stream = Stream();
  void* const other = Stream();
  void* const event = Event();
  ASSERT_EQ(StatusOf(device.event_record(0, event, other)), DeviceStatus::kOk);
  ASSERT_EQ(StatusOf(device.graph_begin(0, stream)), DeviceStatus::kOk);
  EXPECT_EQ(StatusOf(device.stream_wait_event(0, stream, event)), DeviceStatus::kFailed);
  EXPECT_NE(sentence.find("cudaErrorStreamCaptureIsolation"), std::string::npos) << sentence;
  void* graph = nullptr;
  EXPECT_EQ(StatusOf(device.graph_end(0, stream, &graph)), DeviceStatus::kFailed);
}

TEST_F(EmulatedRuntime, KnowsItsHandles) {
  int unknown = 0;
  void* graph = nullptr;
  int32_t done = 0;
  void* const event = Event();
  void* const destroyed = Stream();
  EXPECT_EQ(StatusOf(device.stream_destroy(0, destroyed)), DeviceStatus::kOk);
  for (void* handle : {static_cast<void*>(&unknown), destroyed}) {
    for (const core::DeviceResult& result :
         {device.stream_destroy(0, handle), device.stream_synchronize(0, handle),
          device.stream_query(0, handle, &done), device.stream_wait_event(0, handle, event),
          device.stream_wait_event(0, nullptr, handle), device.event_destroy(0, handle),
          device.event_record(0, handle, nullptr), device.event_record(0, event, handle),
          device.event_synchronize(0, handle), device.event_query(0, handle, &done),
          device.graph_begin(0, handle), device.graph_end(0, handle, &graph),
          device.graph_launch(0, handle, nullptr), device.graph_destroy(0, handle),
          device.memory_copy(0, &unknown, &done, 1, handle)}) {
      EXPECT_EQ(StatusOf(result), DeviceStatus::kFailed);
      EXPECT_EQ(sentence,
                "CUDA device 0: cudaErrorInvalidResourceHandle (invalid resource handle)");
    }
    EXPECT_EQ(StatusOf(device.memory_free(0, MemoryKind::kDevice, handle)), DeviceStatus::kFailed);
  }
}

TEST_F(EmulatedRuntime, ServesManyThreads) {
  std::vector<std::thread> threads;
  std::vector<int64_t> sums(4, 0);
  void* const shared = Stream();
  void* const event = Event();
  for (int64_t& sum : sums) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        void* const memory = Allocate(64);
        EXPECT_TRUE(Enqueue({shared, 1}, [&sum] { ++sum; }).ok());
        EXPECT_EQ(device.event_record(0, event, shared).status, DeviceStatus::kOk);
        EXPECT_EQ(device.event_synchronize(0, event).status, DeviceStatus::kOk);
        EXPECT_GE(sum, i + 1);
        EXPECT_EQ(device.memory_free(0, MemoryKind::kDevice, memory).status, DeviceStatus::kOk);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sums, std::vector<int64_t>(4, 200));
}

}  // namespace
}  // namespace moba::cuda
