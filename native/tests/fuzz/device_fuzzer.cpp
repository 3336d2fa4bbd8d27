// libFuzzer harness for memory, streams, events and graphs of a device, over the emulated one:
// calls in any order, on handles that live, that never were, or NULL, and on engines that have no
// device.
#include <cstdlib>
#include <utility>

#include "fuzzed.h"

namespace moba_test {
namespace {

constexpr int kCalls = 40;
constexpr int64_t kMostBytes = 4096;

const moba_engine* DeviceEngine() {
  static const moba_engine* const engine = [] {
    setenv("MOBA_CUDA_LIBRARY", MOBA_EMULATION, 1);
    const moba_engine_options options = {.struct_size = sizeof options,
                                         .backend = MOBA_BACKEND_CUDA,
                                         .cpu_target = MOBA_CPU_AUTO,
                                         .num_threads = 0,
                                         .device_id = 0};
    moba_engine* made = nullptr;
    Expect(moba_engine_create(&options, &made) == MOBA_OK, "an engine of the emulated device");
    return made;
  }();
  return engine;
}

int64_t FreeBytes() {
  int64_t free_bytes = -1;
  int64_t total_bytes = -1;
  Expect(moba_memory_info(DeviceEngine(), &free_bytes, &total_bytes) == MOBA_OK &&
             free_bytes >= 0 && free_bytes <= total_bytes,
         "bytes of the device");
  return free_bytes;
}

struct Memory {
  int32_t kind;
  int64_t bytes;
  char* address;
};

class Session {
 public:
  explicit Session(FuzzedDataProvider& bytes) : bytes_(bytes) {
    const int engine = bytes.ConsumeIntegralInRange(0, 9);
    engine_ = engine == 0 ? nullptr : engine == 1 ? PickEngine(bytes) : DeviceEngine();
  }

  // Nothing is left behind.
  ~Session() {
    engine_ = DeviceEngine();
    for (void* graph : graphs_) Must(moba_graph_destroy(engine_, graph));
    for (void* event : events_) Must(moba_event_destroy(engine_, event));
    for (void* stream : streams_) Must(moba_stream_destroy(engine_, stream));
    for (const Memory& piece : memory_) {
      Must(moba_memory_free(engine_, piece.kind, piece.address));
    }
  }

  void CallSomething() {
    switch (bytes_.ConsumeIntegralInRange(0, 18)) {
      case 0:
        return Allocate();
      case 1:
        return Free();
      case 2:
        return Info();
      case 3:
        return Copy();
      case 4:
        return Make(streams_, [&](void** made) { return moba_stream_create(engine_, made); });
      case 5:
        return Destroy(streams_, &moba_stream_destroy);
      case 6:
        return On(streams_, true, [&](void* s) { return moba_stream_synchronize(engine_, s); });
      case 7:
        return Ask(streams_, true, &moba_stream_query);
      case 8:
        return On(streams_, true, [&](void* stream) {
          return moba_stream_wait_event(engine_, stream, Pick(events_));
        });
      case 9:
        return Make(events_, [&](void** made) { return moba_event_create(engine_, made); });
      case 10:
        return Destroy(events_, &moba_event_destroy);
      case 11:
        return On(events_, false,
                  [&](void* event) { return moba_event_record(engine_, event, Pick(streams_)); });
      case 12:
        return On(events_, false, [&](void* e) { return moba_event_synchronize(engine_, e); });
      case 13:
        return Ask(events_, false, &moba_event_query);
      case 14:
        return On(events_, false, [&](void* event) {
          float milliseconds = 0;
          return moba_event_elapsed(engine_, event, Pick(events_), PickResult(milliseconds));
        });
      case 15:
        records_ = true;
        return On(streams_, false, [&](void* s) { return moba_graph_begin(engine_, s); });
      case 16:
        return Make(graphs_,
                    [&](void** made) { return moba_graph_end(engine_, Pick(streams_), made); });
      case 17:
        return On(graphs_, false,
                  [&](void* graph) { return moba_graph_launch(engine_, graph, Pick(streams_)); });
      default:
        return Destroy(graphs_, &moba_graph_destroy);
    }
  }

 private:
  static void Must(int32_t status) { Expect(status == MOBA_OK, "release of what was made"); }

  // What every call owes; MOBA_OK only on an engine that has a device.
  template <typename Call>
  int32_t Answer(const Call& call) {
    ForgetSentence();
    const int32_t status = call();
    if (engine_ == nullptr) Expect(status == MOBA_INVALID_ARGUMENT, "refusal without engine");
    if (engine_ != nullptr && engine_ != DeviceEngine()) {
      Expect(status == MOBA_UNSUPPORTED, "refusal on the CPU");
    }
    if (status == MOBA_OK) return status;
    Expect(status == MOBA_INVALID_ARGUMENT || status == MOBA_DEVICE_ERROR ||
               status == MOBA_OUT_OF_MEMORY || engine_ != DeviceEngine(),
           "a status of a device");
    CheckSentence();
    return status;
  }

  // One that lives, most of the time.
  void* Pick(const std::vector<void*>& handles) {
    const int choice = bytes_.ConsumeIntegralInRange(0, 9);
    if (choice == 0 || handles.empty()) return nullptr;
    if (choice == 1) return &unknown_;
    return handles[bytes_.ConsumeIntegralInRange<size_t>(0, handles.size() - 1)];
  }

  template <typename T>
  T* PickResult(T& result) {
    const int choice = bytes_.ConsumeIntegralInRange(0, 19);
    if (choice == 0) return nullptr;
    return choice == 1 ? reinterpret_cast<T*>(reinterpret_cast<char*>(&result) + 1) : &result;
  }

  template <typename Call>
  void Make(std::vector<void*>& handles, const Call& call) {
    void* made = nullptr;
    void** const result = PickResult(made);
    const int32_t status = Answer([&] { return call(result); });
    Expect((status == MOBA_OK) == (made != nullptr), "a handle on MOBA_OK only");
    if (made != nullptr) handles.push_back(made);
  }

  void Destroy(std::vector<void*>& handles, int32_t (*destroy)(const moba_engine*, void*)) {
    void* const handle = Pick(handles);
    const int32_t status = Answer([&] { return destroy(engine_, handle); });
    if (status == MOBA_OK) std::erase(handles, handle);
    Expect(status != MOBA_OK || handle != &unknown_, "refusal of an unknown handle");
  }

  template <typename Call>
  void On(const std::vector<void*>& handles, bool null_is_valid, const Call& call) {
    void* const handle = Pick(handles);
    const int32_t status = Answer([&] { return call(handle); });
    Expect(status != MOBA_OK || handle != &unknown_, "refusal of an unknown handle");
    Expect(status != MOBA_OK || handle != nullptr || null_is_valid, "refusal of NULL");
  }

  void Ask(const std::vector<void*>& handles, bool null_is_valid,
           int32_t (*query)(const moba_engine*, void*, int32_t*)) {
    On(handles, null_is_valid, [&](void* handle) {
      int32_t done = -1;
      const int32_t status = query(engine_, handle, PickResult(done));
      Expect(status != MOBA_OK || done == 0 || done == 1, "an answer");
      Expect(status == MOBA_OK || done == -1, "no answer from a refused call");
      return status;
    });
  }

  int32_t PickKind() {
    return bytes_.ConsumeIntegralInRange(0, 9) == 0 ? static_cast<int32_t>(PickInteger(bytes_))
                                                    : bytes_.ConsumeIntegralInRange(1, 2);
  }

  void Allocate() {
    const int32_t kind = PickKind();
    const int64_t size = bytes_.ConsumeBool()
                             ? bytes_.ConsumeIntegralInRange<int64_t>(0, kMostBytes)
                             : PickInteger(bytes_);
    // Valid, but a large piece takes its time.
    if (size > kMostBytes && size <= FreeBytes()) return;
    void* address = nullptr;
    void** const result = PickResult(address);
    const int32_t status =
        Answer([&] { return moba_memory_allocate(engine_, kind, size, result); });
    Expect((address != nullptr) == (status == MOBA_OK && size > 0), "memory on MOBA_OK only");
    if (status != MOBA_OK) return;
    Expect(kind == MOBA_MEMORY_DEVICE || kind == MOBA_MEMORY_PINNED, "refusal of unknown kinds");
    Expect(size >= 0, "refusal of a negative size");
    Expect(reinterpret_cast<uintptr_t>(address) % 256 == 0, "alignment");
    if (size > 0) memory_.push_back({kind, size, static_cast<char*>(address)});
  }

  void Free() {
    const int32_t kind = PickKind();
    if (memory_.empty()) {
      Answer([&] { return moba_memory_free(engine_, kind, nullptr); });
      return;
    }
    const size_t place = bytes_.ConsumeIntegralInRange<size_t>(0, memory_.size() - 1);
    // A graph may use it whenever it is launched.
    if (records_) return;
    const int32_t status =
        Answer([&] { return moba_memory_free(engine_, kind, memory_[place].address); });
    Expect((status == MOBA_OK) == (kind == memory_[place].kind && engine_ == DeviceEngine()),
           "release of memory as what it is");
    if (status == MOBA_OK) memory_.erase(memory_.begin() + static_cast<ptrdiff_t>(place));
  }

  void Info() {
    int64_t free_bytes = -1;
    int64_t total_bytes = -1;
    int64_t* const first = PickResult(free_bytes);
    int64_t* const second = PickResult(total_bytes);
    const int32_t status = Answer([&] { return moba_memory_info(engine_, first, second); });
    Expect((status == MOBA_OK) == (free_bytes >= 0 && total_bytes >= 0), "sizes on MOBA_OK only");
  }

  // Inside live memory where it can be seen that the copy would be done.
  void Copy() {
    if (memory_.empty()) return;
    const auto pick = [&]() -> const Memory& {
      return memory_[bytes_.ConsumeIntegralInRange<size_t>(0, memory_.size() - 1)];
    };
    const Memory& to = pick();
    const Memory& from = pick();
    int64_t size = bytes_.ConsumeIntegralInRange<int64_t>(-2, std::min(to.bytes, from.bytes));
    void* target = to.address +
                   bytes_.ConsumeIntegralInRange<int64_t>(0, to.bytes - std::max<int64_t>(size, 0));
    const void* source = from.address + bytes_.ConsumeIntegralInRange<int64_t>(
                                            0, from.bytes - std::max<int64_t>(size, 0));
    const int spoilt = bytes_.ConsumeIntegralInRange(0, 9);
    if (spoilt == 0) target = nullptr;
    if (spoilt == 1) source = nullptr;
    if (spoilt == 2) size = INT64_MIN + bytes_.ConsumeIntegralInRange<int64_t>(0, 9);
    void* const stream = Pick(streams_);
    const int32_t status =
        Answer([&] { return moba_memory_copy(engine_, target, source, size, stream); });
    if (status != MOBA_OK || size == 0) return;
    Expect(size > 0 && target != nullptr && source != nullptr && stream != &unknown_,
           "refusal of what cannot be copied");
    const char* const t = static_cast<char*>(target);
    const char* const s = static_cast<const char*>(source);
    Expect(t + size <= s || s + size <= t, "refusal of places that overlap");
  }

  FuzzedDataProvider& bytes_;
  const moba_engine* engine_;
  int unknown_ = 0;
  bool records_ = false;  // there may be a graph
  std::vector<void*> streams_;
  std::vector<void*> events_;
  std::vector<void*> graphs_;
  std::vector<Memory> memory_;
};

}  // namespace
}  // namespace moba_test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moba_test;
  const std::vector<uint8_t> choices = Prolonged(data, size);
  FuzzedDataProvider bytes(choices.data(), choices.size());
  const int64_t before = FreeBytes();
  {
    Session session(bytes);
    for (int i = 0; i < kCalls; ++i) session.CallSomething();
  }
  Expect(FreeBytes() == before, "all memory back");
  return 0;
}
