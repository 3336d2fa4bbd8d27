// Valid descriptions of tensors, and values to put into them.
#ifndef MOBA_TESTS_FUZZ_FUZZED_TENSORS_H_
#define MOBA_TESTS_FUZZ_FUZZED_TENSORS_H_

#include <fuzzer/FuzzedDataProvider.h>

#include <vector>

#include "described_memory.h"
#include "moba/moba.h"

namespace moba_test {

enum class Role { kInput, kOutput };

int32_t PickFloatType(FuzzedDataProvider& bytes);

// A valid description: axes in any order and with gaps in memory, those of inputs also with strides
// that are negative or zero. The channel axis, the last, has stride 1.
moba_tensor Describe(FuzzedDataProvider& bytes, Role role, int32_t dtype,
                     const std::vector<int64_t>& shape, bool channel_axis);

// Distance in bytes of each element from the first, in row-major order.
std::vector<int64_t> ElementOffsets(const moba_tensor& tensor);

// Whether no two elements share an address, as outputs must have it.
bool HasDistinctElements(const moba_tensor& tensor);

// Gives a floating-point tensor that has memory its values: finite ones, and some that are not.
void FillWithFloats(FuzzedDataProvider& bytes, DescribedMemory& tensor);

}  // namespace moba_test

#endif  // MOBA_TESTS_FUZZ_FUZZED_TENSORS_H_
