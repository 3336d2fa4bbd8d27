#include "fuzzed.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace moba_test {
namespace {

// No call of a fuzzer fails with this sentence.
constexpr char kForgotten[] = "index is -77, expected";

std::vector<moba_engine*> MakeEngines() {
  std::vector<moba_engine*> engines;
  for (int32_t target = MOBA_CPU_BASELINE; target <= MOBA_CPU_NEON; ++target) {
    for (int32_t threads = 1; threads <= 3; ++threads) {
      const moba_engine_options options = {.struct_size = sizeof options,
                                           .backend = MOBA_BACKEND_CPU,
                                           .cpu_target = target,
                                           .num_threads = threads,
                                           .device_id = 0};
      moba_engine* engine = nullptr;
      if (moba_engine_create(&options, &engine) == MOBA_OK) engines.push_back(engine);
    }
  }
  return engines;
}

}  // namespace

std::vector<uint8_t> Prolonged(const uint8_t* data, size_t size) {
  uint32_t seed = 0;
  std::memcpy(&seed, data, std::min(size, sizeof seed));
  std::minstd_rand random(seed);
  std::vector<uint8_t> bytes(1024);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() >> 8);
  // FuzzedDataProvider takes numbers from the end.
  bytes.insert(bytes.end(), data, data + size);
  return bytes;
}

void Expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "expected: %s\nlast sentence: \"%s\"\n", what, moba_last_error());
  std::abort();
}

void ForgetSentence() { moba_layout_get(-77, nullptr); }

void CheckFailure(int32_t status) {
  Expect(status == MOBA_INVALID_ARGUMENT || status == MOBA_UNSUPPORTED || status == MOBA_CANCELLED,
         "a status that blames the caller");
  CheckSentence();
}

void CheckSentence() {
  const std::string sentence = moba_last_error();
  Expect(!sentence.empty() && sentence.find(kForgotten) == std::string::npos,
         "a sentence about this failure");
  Expect(sentence.size() < 400 && sentence.find('\n') == std::string::npos, "one sentence");
}

const moba_engine* PickEngine(FuzzedDataProvider& bytes) {
  // Reachable to the end, so that they do not count as leaks.
  static const std::vector<moba_engine*>& engines = *new std::vector<moba_engine*>(MakeEngines());
  return engines[bytes.ConsumeIntegralInRange<size_t>(0, engines.size() - 1)];
}

Guard PickGuard(FuzzedDataProvider& bytes) {
  return bytes.ConsumeBool() ? Guard::kBefore : Guard::kBehind;
}

int64_t PickInteger(FuzzedDataProvider& bytes) {
  if (bytes.ConsumeBool()) return bytes.ConsumeIntegralInRange<int64_t>(-3, 40);
  const uint64_t power = uint64_t{1} << bytes.ConsumeIntegralInRange(0, 63);
  const uint64_t near = power + bytes.ConsumeIntegralInRange<uint64_t>(0, 2) - 1;
  return static_cast<int64_t>(bytes.ConsumeBool() ? near : ~near + 1);
}

void Spoil(FuzzedDataProvider& bytes, void* object, size_t size) {
  const int64_t value = PickInteger(bytes);
  const size_t width = bytes.ConsumeBool() ? 4 : 8;
  const size_t field = bytes.ConsumeIntegralInRange<size_t>(0, size / width - 1);
  std::memcpy(static_cast<char*>(object) + field * width, &value, width);
}

}  // namespace moba_test
