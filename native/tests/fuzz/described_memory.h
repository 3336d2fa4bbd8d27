// Memory for a tensor that a fuzzer described: as large as the description says and no byte larger.
#ifndef MOBA_TESTS_FUZZ_DESCRIBED_MEMORY_H_
#define MOBA_TESTS_FUZZ_DESCRIBED_MEMORY_H_

#include <optional>
#include <vector>

#include "moba/moba.h"
#include "tensor_memory.h"

namespace moba_test {

class DescribedMemory {
 public:
  DescribedMemory(const moba_tensor& tensor, Guard guard);

  // Whether the description asks for memory that a fuzzer does not have: too much of it, or none
  // that could be. A call with it may only be made so that it has to be refused.
  bool Wild() const { return wild_; }

  // Absent for absent and wild tensors.
  std::optional<TensorMemory>& memory() { return memory_; }
  const std::optional<TensorMemory>& memory() const { return memory_; }
  int32_t dtype() const { return dtype_; }
  size_t Elements() const { return elements_; }

  // What a call is handed. For a wild tensor: the address of a page that nobody may touch.
  char* data() const { return data_; }

 private:
  std::optional<TensorMemory> memory_;
  int32_t dtype_;
  size_t elements_ = 0;
  bool wild_ = false;
  char* data_ = nullptr;
};

// Address of a page without access.
char* Untouchable();

}  // namespace moba_test

#endif  // MOBA_TESTS_FUZZ_DESCRIBED_MEMORY_H_
