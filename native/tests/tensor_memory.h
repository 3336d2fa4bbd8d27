// One strided tensor in guarded memory: an input that must not change, or an output that starts as
// poison and of which every element, and nothing else, must be written.
#ifndef MOBA_TESTS_TENSOR_MEMORY_H_
#define MOBA_TESTS_TENSOR_MEMORY_H_

#include <cstdint>
#include <vector>

#include "guarded_memory.h"
#include "moba/moba.h"

namespace moba_test {

class TensorMemory {
 public:
  // Strides count elements and may be zero or negative. The memory is exactly what the elements
  // span, all of it poison.
  TensorMemory(int32_t dtype, std::vector<int64_t> shape, std::vector<int64_t> strides,
               Guard guard = Guard::kBehind);
  // Contiguous, the last axis innermost.
  TensorMemory(int32_t dtype, std::vector<int64_t> shape, Guard guard = Guard::kBehind);

  // Writes all elements, given in row-major order, and remembers the bytes for Unchanged().
  void Fill(const std::vector<double>& values);
  // Row-major copies of all elements.
  std::vector<double> Values() const;
  std::vector<uint64_t> Bits() const;

  // No element holds the poison and no byte between or around the elements has changed.
  bool EveryElementWritten() const;
  bool NothingElseWritten() const;
  // All bytes are as Fill, or the constructor, left them.
  bool Unchanged() const;

  const GuardedMemory& memory() const { return memory_; }
  // Address of the lowest element, and of element (0, 0, ..).
  unsigned char* lowest() const { return memory_.data(); }
  unsigned char* origin() const { return memory_.data() + origin_offset_; }
  // What a run function is handed together with origin(), or with lowest() and a byte_offset.
  moba_tensor Describe() const;
  moba_tensor DescribeFromLowest() const;

 private:
  template <typename Body>
  void ForEachElement(Body body) const;

  int32_t dtype_;
  std::vector<int64_t> shape_;
  std::vector<int64_t> strides_;
  int64_t origin_offset_;  // bytes from the lowest element to element (0, 0, ..)
  GuardedMemory memory_;
  std::vector<unsigned char> expected_;
};

// A tensor of moba.h without memory; ndim is the number of axes.
moba_tensor DescribeTensor(int32_t dtype, const std::vector<int64_t>& shape,
                           const std::vector<int64_t>& strides);
moba_tensor DescribeTensor(int32_t dtype, const std::vector<int64_t>& shape);
moba_tensor AbsentTensor();

std::vector<int64_t> ContiguousStrides(const std::vector<int64_t>& shape);

}  // namespace moba_test

#endif  // MOBA_TESTS_TENSOR_MEMORY_H_
