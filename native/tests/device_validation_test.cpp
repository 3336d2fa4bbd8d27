// Every bad argument of the functions for device memory, streams, events and graphs is answered
// with a sentence that names it; and so is an engine that has no device.
#include "bad_argument.h"
#include "device.h"

namespace moba_test {
namespace {

// Arguments of a call of each function; those that are not spoilt are valid.
struct DeviceRequest {
  explicit DeviceRequest(const moba_engine* some_engine) : engine(some_engine) {}

  const moba_engine* engine;
  int32_t memory = MOBA_MEMORY_DEVICE;
  int64_t bytes = 8;
  char places[64] = {};
  void* target = places;
  const void* source = places + 32;
  void* stream = nullptr;
  void* event = nullptr;
  void* graph = nullptr;
  void* made = nullptr;
  void** result = &made;
  int32_t flag = 0;
  int32_t* done = &flag;
  float time = 0;
  float* milliseconds = &time;
  int64_t sizes[2] = {};
  int64_t* free_bytes = &sizes[0];
  int64_t* total_bytes = &sizes[1];
};

struct DeviceFunction {
  std::string name;
  std::function<int32_t(DeviceRequest&)> call;
};

void PrintTo(const DeviceFunction& function, std::ostream* out) { *out << function.name; }

using R = DeviceRequest;
const DeviceFunction kAllocate = {
    "Allocate", [](R& r) { return moba_memory_allocate(r.engine, r.memory, r.bytes, r.result); }};
const DeviceFunction kFree = {"Free",
                              [](R& r) { return moba_memory_free(r.engine, r.memory, nullptr); }};
const DeviceFunction kInfo = {
    "Info", [](R& r) { return moba_memory_info(r.engine, r.free_bytes, r.total_bytes); }};
const DeviceFunction kCopy = {
    "Copy", [](R& r) { return moba_memory_copy(r.engine, r.target, r.source, r.bytes, r.stream); }};
const DeviceFunction kStreamCreate = {"StreamCreate",
                                      [](R& r) { return moba_stream_create(r.engine, r.result); }};
const DeviceFunction kStreamDestroy = {
    "StreamDestroy", [](R& r) { return moba_stream_destroy(r.engine, r.stream); }};
const DeviceFunction kStreamSynchronize = {
    "StreamSynchronize", [](R& r) { return moba_stream_synchronize(r.engine, r.stream); }};
const DeviceFunction kStreamQuery = {
    "StreamQuery", [](R& r) { return moba_stream_query(r.engine, r.stream, r.done); }};
const DeviceFunction kStreamWaitEvent = {
    "StreamWaitEvent", [](R& r) { return moba_stream_wait_event(r.engine, r.stream, r.event); }};
const DeviceFunction kEventCreate = {"EventCreate",
                                     [](R& r) { return moba_event_create(r.engine, r.result); }};
const DeviceFunction kEventDestroy = {"EventDestroy",
                                      [](R& r) { return moba_event_destroy(r.engine, r.event); }};
const DeviceFunction kEventRecord = {
    "EventRecord", [](R& r) { return moba_event_record(r.engine, r.event, r.stream); }};
const DeviceFunction kEventSynchronize = {
    "EventSynchronize", [](R& r) { return moba_event_synchronize(r.engine, r.event); }};
const DeviceFunction kEventQuery = {
    "EventQuery", [](R& r) { return moba_event_query(r.engine, r.event, r.done); }};
// Of one event.
const DeviceFunction kEventElapsed = {
    "EventElapsed",
    [](R& r) { return moba_event_elapsed(r.engine, r.event, r.event, r.milliseconds); }};
const DeviceFunction kElapsedToNull = {
    "ElapsedToNull",
    [](R& r) { return moba_event_elapsed(r.engine, r.event, nullptr, r.milliseconds); }};
const DeviceFunction kGraphBegin = {"GraphBegin",
                                    [](R& r) { return moba_graph_begin(r.engine, r.stream); }};
const DeviceFunction kGraphEnd = {
    "GraphEnd", [](R& r) { return moba_graph_end(r.engine, r.stream, r.result); }};
const DeviceFunction kGraphLaunch = {
    "GraphLaunch", [](R& r) { return moba_graph_launch(r.engine, r.graph, r.stream); }};
const DeviceFunction kGraphDestroy = {"GraphDestroy",
                                      [](R& r) { return moba_graph_destroy(r.engine, r.graph); }};

class DeviceFunctions : public testing::TestWithParam<DeviceFunction> {};

TEST_P(DeviceFunctions, AreRefusedOnTheCpu) {
  const OwnedEngine cpu(MOBA_CPU_AUTO, 1);
  DeviceRequest request(cpu.get());
  EXPECT_EQ(GetParam().call(request), MOBA_UNSUPPORTED);
  ExpectSentence(moba_last_error(), "engine", "CPU");
}

TEST_P(DeviceFunctions, AreRefusedWithoutEngine) {
  DeviceRequest request(nullptr);
  EXPECT_EQ(GetParam().call(request), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), "engine", kNull);
}

INSTANTIATE_TEST_SUITE_P(, DeviceFunctions,
                         testing::Values(kAllocate, kFree, kInfo, kCopy, kStreamCreate,
                                         kStreamDestroy, kStreamSynchronize, kStreamQuery,
                                         kStreamWaitEvent, kEventCreate, kEventDestroy,
                                         kEventRecord, kEventSynchronize, kEventQuery,
                                         kEventElapsed, kGraphBegin, kGraphEnd, kGraphLaunch,
                                         kGraphDestroy),
                         [](const auto& info) { return info.param.name; });

struct BadDeviceCall {
  DeviceFunction function;
  Bad<DeviceRequest> bad;
};

void PrintTo(const BadDeviceCall& call, std::ostream* out) {
  *out << call.function.name << call.bad.name;
}

// All of them lie nowhere: memory that the library must not touch.
template <typename T>
T* Misaligned(T*) {
  return reinterpret_cast<T*>(uintptr_t{0x1001});
}

std::vector<BadDeviceCall> BadDeviceCalls() {
  if (DeviceTargets().empty()) return {};
  const auto no_result = [](R& r) { r.result = nullptr; };
  const auto skewed_result = [](R& r) { r.result = Misaligned(r.result); };
  const auto no_done = [](R& r) { r.done = nullptr; };
  const auto as_is = [](R&) {};
  const auto some_stream = [](R& r) { r.stream = r.places; };
  const auto some_event = [](R& r) { r.event = r.places; };
  return {
      {kAllocate, {"OfUnknownKind", [](R& r) { r.memory = 3; }, "memory", "3"}},
      {kAllocate, {"OfKindZero", [](R& r) { r.memory = 0; }, "memory", "0"}},
      {kAllocate, {"Negative", [](R& r) { r.bytes = -1; }, "bytes", "-1"}},
      {kAllocate, {"NullResult", no_result, "address", kNull}},
      {kAllocate, {"MisalignedResult", skewed_result, "address", ""}},
      {kFree, {"OfUnknownKind", [](R& r) { r.memory = -1; }, "memory", "-1"}},
      {kInfo, {"NullFree", [](R& r) { r.free_bytes = nullptr; }, "free_bytes", kNull}},
      {kInfo, {"NullTotal", [](R& r) { r.total_bytes = nullptr; }, "total_bytes", kNull}},
      {kInfo,
       {"Misaligned", [](R& r) { r.total_bytes = Misaligned(r.total_bytes); }, "total_bytes", ""}},
      {kCopy, {"NullTarget", [](R& r) { r.target = nullptr; }, "target", kNull}},
      {kCopy, {"NullSource", [](R& r) { r.source = nullptr; }, "source", kNull}},
      {kCopy,
       {"Negative",
        [](R& r) {
          r.bytes = -8;
          r.target = nullptr;
        },
        "bytes", "-8"}},
      {kCopy,
       {"BeyondMemory", [](R& r) { r.target = reinterpret_cast<void*>(~uintptr_t{3}); }, "bytes",
        "8"}},
      {kCopy, {"ToItself", [](R& r) { r.target = r.places + 32; }, "target", "8"}},
      {kCopy, {"Overlapping", [](R& r) { r.target = r.places + 25; }, "target", "8"}},
      {kCopy, {"OverlappingBehind", [](R& r) { r.target = r.places + 39; }, "target", "8"}},
      {kStreamCreate, {"NullResult", no_result, "stream", kNull}},
      {kStreamCreate, {"MisalignedResult", skewed_result, "stream", ""}},
      {kStreamQuery, {"NullResult", no_done, "done", kNull}},
      {kStreamQuery, {"Misaligned", [](R& r) { r.done = Misaligned(r.done); }, "done", ""}},
      {kStreamWaitEvent, {"Null", as_is, "event", kNull}},
      {kEventCreate, {"NullResult", no_result, "event", kNull}},
      {kEventRecord, {"Null", as_is, "event", kNull}},
      {kEventSynchronize, {"Null", as_is, "event", kNull}},
      {kEventQuery, {"Null", as_is, "event", kNull}},
      {kEventQuery,
       {"NullResult",
        [&](R& r) {
          r.event = r.places;
          r.done = nullptr;
        },
        "done", kNull}},
      {kEventElapsed, {"Null", as_is, "start", kNull}},
      {kElapsedToNull, {"", some_event, "end", kNull}},
      {kEventElapsed,
       {"NullResult",
        [](R& r) {
          r.event = r.places;
          r.milliseconds = nullptr;
        },
        "milliseconds", kNull}},
      {kGraphBegin, {"OnDefaultStream", as_is, "stream", kNull}},
      {kGraphEnd, {"OnDefaultStream", as_is, "stream", kNull}},
      {kGraphEnd,
       {"NullResult",
        [](R& r) {
          r.stream = r.places;
          r.result = nullptr;
        },
        "graph", kNull}},
      {kGraphLaunch, {"Null", some_stream, "graph", kNull}},
  };
}

class BadDeviceArgument : public testing::TestWithParam<BadDeviceCall> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BadDeviceArgument);

TEST_P(BadDeviceArgument, IsNamed) {
  DeviceRequest request(SharedEngine(kCudaTarget));
  GetParam().bad.spoil(request);
  EXPECT_EQ(GetParam().function.call(request), MOBA_INVALID_ARGUMENT);
  ExpectSentence(moba_last_error(), GetParam().bad.argument, GetParam().bad.value);
}

INSTANTIATE_TEST_SUITE_P(, BadDeviceArgument, testing::ValuesIn(BadDeviceCalls()),
                         [](const auto& info) {
                           return info.param.function.name + info.param.bad.name;
                         });

}  // namespace
}  // namespace moba_test
