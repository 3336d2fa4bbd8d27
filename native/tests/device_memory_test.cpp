// Memory of a CUDA engine's device, and copies to and from it.
#include <cstring>
#include <numeric>

#include "device.h"

namespace moba_test {
namespace {

class DeviceMemoryTest : public DeviceTest {};

TEST_P(DeviceMemoryTest, IsAlignedAndComesBack) {
  const int64_t before = FreeBytes();
  for (int32_t kind : {MOBA_MEMORY_DEVICE, MOBA_MEMORY_PINNED}) {
    for (int64_t bytes : {int64_t{1}, int64_t{257}, int64_t{1} << 20}) {
      const DeviceMemory one(Engine(), bytes, kind);
      const DeviceMemory other(Engine(), bytes, kind);
      EXPECT_NE(one.get(), nullptr);
      EXPECT_NE(one.get(), other.get());
      EXPECT_EQ(reinterpret_cast<uintptr_t>(one.get()) % 256, 0u);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(other.get()) % 256, 0u);
    }
  }
  const DeviceMemory large(Engine(), 64 << 20);
  EXPECT_LE(FreeBytes(), before - (64 << 20));
  EXPECT_GE(FreeBytes(), before - (80 << 20));
}

TEST_P(DeviceMemoryTest, OfNoBytesIsNull) {
  for (int32_t kind : {MOBA_MEMORY_DEVICE, MOBA_MEMORY_PINNED}) {
    void* address = this;
    EXPECT_EQ(moba_memory_allocate(Engine(), kind, 0, &address), MOBA_OK) << moba_last_error();
    EXPECT_EQ(address, nullptr);
    EXPECT_EQ(moba_memory_free(Engine(), kind, nullptr), MOBA_OK) << moba_last_error();
  }
}

TEST_P(DeviceMemoryTest, ThatIsNotThereIsRefusedAndTheEngineWorksOn) {
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
  ASSERT_EQ(moba_memory_info(Engine(), &free_bytes, &total_bytes), MOBA_OK) << moba_last_error();
  for (int64_t bytes : {total_bytes + 1, int64_t{1} << 62}) {
    void* address = this;
    EXPECT_EQ(moba_memory_allocate(Engine(), MOBA_MEMORY_DEVICE, bytes, &address),
              MOBA_OUT_OF_MEMORY);
    EXPECT_NE(std::string(moba_last_error()).find("out of memory"), std::string::npos)
        << moba_last_error();
    EXPECT_EQ(address, this);
  }
  EXPECT_EQ(FreeBytes(), free_bytes);
  const DeviceMemory modest(Engine(), 1000);
}

TEST_P(DeviceMemoryTest, IsCopiedInTheOrderOfTheStream) {
  constexpr int64_t kBytes = 5000;
  const DeviceMemory first(Engine(), kBytes);
  const DeviceMemory second(Engine(), kBytes);
  const DeviceMemory pinned(Engine(), kBytes, MOBA_MEMORY_PINNED);
  std::vector<char> source(kBytes);
  std::iota(source.begin(), source.end(), '\0');
  std::vector<char> target(kBytes, '?');
  const OwnedStream made(Engine());
  for (void* stream : {static_cast<void*>(nullptr), made.get()}) {
    const auto copy = [&](void* to, const void* from) {
      EXPECT_EQ(moba_memory_copy(Engine(), to, from, kBytes, stream), MOBA_OK) << moba_last_error();
    };
    std::reverse(source.begin(), source.end());
    copy(first.get(), source.data());
    copy(second.get(), first.get());
    copy(pinned.get(), second.get());
    copy(target.data(), second.get());
    EXPECT_EQ(moba_memory_copy(Engine(), nullptr, nullptr, 0, stream), MOBA_OK)
        << moba_last_error();
    ASSERT_EQ(moba_stream_synchronize(Engine(), stream), MOBA_OK) << moba_last_error();
    EXPECT_EQ(target, source);
    EXPECT_EQ(std::memcmp(pinned.get(), source.data(), kBytes), 0);
  }
}

TEST_P(DeviceMemoryTest, IsFreedAfterWorkThatUsesIt) {
  DeviceMemory device(Engine(), 16);
  const DeviceMemory pinned(Engine(), 16, MOBA_MEMORY_PINNED);
  const OwnedStream stream(Engine());
  std::memcpy(pinned.get(), "what was before", 16);
  ASSERT_EQ(moba_memory_copy(Engine(), device.get(), pinned.get(), 16, stream.get()), MOBA_OK);
  ASSERT_EQ(moba_stream_synchronize(Engine(), stream.get()), MOBA_OK);
  std::memcpy(pinned.get(), "what comes then", 16);
  ASSERT_EQ(moba_memory_copy(Engine(), pinned.get(), device.get(), 16, stream.get()), MOBA_OK);
  device.Free();
  EXPECT_STREQ(pinned.as<char>(), "what was before");
}

TEST_P(DeviceMemoryTest, OfOtherKindIsNotFreed) {
  const DeviceMemory pinned(Engine(), 16, MOBA_MEMORY_PINNED);
  EXPECT_EQ(moba_memory_free(Engine(), MOBA_MEMORY_DEVICE, pinned.get()), MOBA_DEVICE_ERROR);
  const std::string sentence = moba_last_error();
  EXPECT_NE(sentence.find("cudaErrorInvalidValue (invalid argument)"), std::string::npos)
      << sentence;
  EXPECT_EQ(sentence.find("sticky"), std::string::npos) << sentence;
}

MOBA_INSTANTIATE_DEVICE(DeviceMemoryTest);

}  // namespace
}  // namespace moba_test
