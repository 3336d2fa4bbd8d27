// What the fuzzers of moba.h share: engines, spoilt structs, and the answer every call owes.
#ifndef MOBA_TESTS_FUZZ_FUZZED_H_
#define MOBA_TESTS_FUZZ_FUZZED_H_

#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "guarded_memory.h"
#include "moba/moba.h"

namespace moba_test {

// The bytes of a fuzzer, and behind them as many more as a call may want: short inputs describe
// whole calls as well. What comes behind depends on the first bytes alone, so that a change of one
// choice leaves the others as they were.
std::vector<uint8_t> Prolonged(const uint8_t* data, size_t size);

// Ends the process with `what` and the library's last sentence when `holds` is false.
void Expect(bool holds, const char* what);

// Does the call and checks what every failure owes: a status that says what the caller did wrong or
// wished for, and a sentence of its own.
template <typename Call>
int32_t Answer(const Call& call);

// An engine for each instruction set of this processor, with one to three threads.
const moba_engine* PickEngine(FuzzedDataProvider& bytes);

Guard PickGuard(FuzzedDataProvider& bytes);

// Zero, small, or near a power of two; of either sign.
int64_t PickInteger(FuzzedDataProvider& bytes);

// Overwrites one field of a struct, that is four or eight aligned bytes of it.
void Spoil(FuzzedDataProvider& bytes, void* object, size_t size);

// Of a struct that claims to be shorter than it is, the rest counts as zero.
template <typename T>
void ForgetWhatIsNotClaimed(T& value) {
  const auto known = static_cast<size_t>(
      std::clamp<int64_t>(value.struct_size, sizeof value.struct_size, sizeof value));
  std::memset(reinterpret_cast<char*>(&value) + known, 0, sizeof value - known);
}

// A struct in memory that is as large as its struct_size claims, up to 1 MiB; zeros follow the
// fields known here.
template <typename T>
class ClaimedStruct {
 public:
  ClaimedStruct(const T& value, Guard guard)
      : memory_(static_cast<size_t>(std::clamp<int64_t>(value.struct_size, 8, 1 << 20)), alignof(T),
                guard) {
    std::memset(memory_.data(), 0, memory_.size());
    std::memcpy(memory_.data(), &value, std::min(memory_.size(), sizeof value));
  }

  T* get() const { return reinterpret_cast<T*>(memory_.data()); }

 private:
  GuardedMemory memory_;
};

// Parts of Answer.
void ForgetSentence();
void CheckFailure(int32_t status);
void CheckSentence();

template <typename Call>
int32_t Answer(const Call& call) {
  ForgetSentence();
  const int32_t status = call();
  if (status != MOBA_OK) CheckFailure(status);
  return status;
}

}  // namespace moba_test

#endif  // MOBA_TESTS_FUZZ_FUZZED_H_
