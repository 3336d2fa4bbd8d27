// Owners of what the C interface makes on a CUDA engine's device.
#ifndef MOBA_TESTS_DEVICE_H_
#define MOBA_TESTS_DEVICE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engines.h"

namespace moba_test {

// What the device tests run on: nothing unless the environment names a library of the CUDA backend.
inline std::vector<int32_t> DeviceTargets() {
  const std::vector<int32_t> targets = AvailableTargets();
  return targets == std::vector{kCudaTarget} ? targets : std::vector<int32_t>{};
}

class DeviceTest : public testing::TestWithParam<int32_t> {
 protected:
  const moba_engine* Engine() const { return SharedEngine(GetParam()); }

  // Of the device; expects that it says so.
  int64_t FreeBytes() const {
    int64_t free_bytes = -1;
    int64_t total_bytes = -1;
    EXPECT_EQ(moba_memory_info(Engine(), &free_bytes, &total_bytes), MOBA_OK) << moba_last_error();
    EXPECT_LE(0, free_bytes);
    EXPECT_LE(free_bytes, total_bytes);
    return free_bytes;
  }
};

#define MOBA_INSTANTIATE_DEVICE(suite)                                             \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(suite);                            \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(moba_test::DeviceTargets()), \
                           [](const auto& info) { return TargetName(info.param); })

inline void ThrowUnlessOk(int32_t status) {
  if (status != MOBA_OK) throw std::runtime_error(moba_last_error());
}

// A stream, event or graph; expects that it can be destroyed.
template <auto kDestroy>
class OwnedHandle {
 public:
  // `make(&handle)` is a call of the library.
  template <typename Make>
  OwnedHandle(const moba_engine* engine, const Make& make) : engine_(engine) {
    ThrowUnlessOk(make(&handle_));
  }
  ~OwnedHandle() { EXPECT_EQ(kDestroy(engine_, handle_), MOBA_OK) << moba_last_error(); }
  OwnedHandle(const OwnedHandle&) = delete;
  OwnedHandle& operator=(const OwnedHandle&) = delete;

  void* get() const { return handle_; }
  // Hands the handle over to the caller.
  void* Release() { return std::exchange(handle_, nullptr); }

 private:
  const moba_engine* engine_;
  void* handle_ = nullptr;
};

struct OwnedStream : OwnedHandle<&moba_stream_destroy> {
  explicit OwnedStream(const moba_engine* engine)
      : OwnedHandle(engine, [&](void** stream) { return moba_stream_create(engine, stream); }) {}
};

struct OwnedEvent : OwnedHandle<&moba_event_destroy> {
  explicit OwnedEvent(const moba_engine* engine)
      : OwnedHandle(engine, [&](void** event) { return moba_event_create(engine, event); }) {}
};

// Ends the recording of a stream.
struct OwnedGraph : OwnedHandle<&moba_graph_destroy> {
  OwnedGraph(const moba_engine* engine, const OwnedStream& stream)
      : OwnedHandle(engine,
                    [&](void** graph) { return moba_graph_end(engine, stream.get(), graph); }) {}
};

// Memory from moba_memory_allocate; expects that it can be freed.
class DeviceMemory {
 public:
  DeviceMemory(const moba_engine* engine, int64_t bytes, int32_t memory = MOBA_MEMORY_DEVICE)
      : engine_(engine), memory_(memory) {
    ThrowUnlessOk(moba_memory_allocate(engine, memory, bytes, &address_));
  }
  ~DeviceMemory() { Free(); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void Free() {
    EXPECT_EQ(moba_memory_free(engine_, memory_, std::exchange(address_, nullptr)), MOBA_OK)
        << moba_last_error();
  }

  void* get() const { return address_; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(address_);
  }

 private:
  const moba_engine* engine_;
  int32_t memory_;
  void* address_ = nullptr;
};

}  // namespace moba_test

#endif  // MOBA_TESTS_DEVICE_H_
