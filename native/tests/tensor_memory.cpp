#include "tensor_memory.h"

#include <algorithm>
#include <cstring>

#include "storage.h"

namespace moba_test {
namespace {

// As bytes of any dtype an unlikely result: a NaN with an odd payload, a block index far too large.
constexpr unsigned char kFloatPoison[8] = {0xed, 0xff, 0xed, 0xff, 0xed, 0xff, 0xed, 0xff};
constexpr unsigned char kIntegerPoison[8] = {0x7b, 0x7b, 0x7b, 0x7b, 0x7b, 0x7b, 0x7b, 0x7b};

const unsigned char* PoisonOf(int32_t dtype) {
  return dtype == MOBA_I32 || dtype == MOBA_I64 ? kIntegerPoison : kFloatPoison;
}

bool HasElements(const std::vector<int64_t>& shape) {
  return std::find(shape.begin(), shape.end(), 0) == shape.end();
}

// Elements from the lowest to element (0, 0, ..), and from there to the highest.
int64_t Below(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  int64_t sum = 0;
  for (size_t i = 0; i < shape.size(); ++i)
    sum -= std::min<int64_t>(0, strides[i]) * (shape[i] - 1);
  return HasElements(shape) ? sum : 0;
}

int64_t Above(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  int64_t sum = 0;
  for (size_t i = 0; i < shape.size(); ++i)
    sum += std::max<int64_t>(0, strides[i]) * (shape[i] - 1);
  return HasElements(shape) ? sum : 0;
}

size_t SpannedBytes(int32_t dtype, const std::vector<int64_t>& shape,
                    const std::vector<int64_t>& strides) {
  if (!HasElements(shape)) return 0;
  return (Below(shape, strides) + Above(shape, strides) + 1) * ElementSize(dtype);
}

}  // namespace

TensorMemory::TensorMemory(int32_t dtype, std::vector<int64_t> shape, std::vector<int64_t> strides,
                           Guard guard)
    : dtype_(dtype),
      shape_(std::move(shape)),
      strides_(std::move(strides)),
      origin_offset_(Below(shape_, strides_) * static_cast<int64_t>(ElementSize(dtype))),
      memory_(SpannedBytes(dtype, shape_, strides_), ElementSize(dtype), guard) {
  for (size_t i = 0; i < memory_.size(); ++i) memory_.data()[i] = PoisonOf(dtype)[i % 8];
  expected_.assign(memory_.data(), memory_.data() + memory_.size());
}

TensorMemory::TensorMemory(int32_t dtype, std::vector<int64_t> shape, Guard guard)
    : TensorMemory(dtype, shape, ContiguousStrides(shape), guard) {}

template <typename Body>
void TensorMemory::ForEachElement(Body body) const {
  if (!HasElements(shape_)) return;
  const int64_t size = static_cast<int64_t>(ElementSize(dtype_));
  std::vector<int64_t> index(shape_.size(), 0);
  while (true) {
    int64_t offset = origin_offset_;
    for (size_t i = 0; i < index.size(); ++i) offset += index[i] * strides_[i] * size;
    body(offset);
    size_t axis = index.size();
    while (axis > 0 && ++index[axis - 1] == shape_[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

void TensorMemory::Fill(const std::vector<double>& values) {
  size_t next = 0;
  ForEachElement(
      [&](int64_t offset) { Store(memory_.data() + offset, dtype_, values.at(next++)); });
  expected_.assign(memory_.data(), memory_.data() + memory_.size());
}

std::vector<double> TensorMemory::Values() const {
  std::vector<double> values;
  ForEachElement([&](int64_t offset) { values.push_back(Load(memory_.data() + offset, dtype_)); });
  return values;
}

std::vector<uint64_t> TensorMemory::Bits() const {
  std::vector<uint64_t> bits;
  ForEachElement(
      [&](int64_t offset) { bits.push_back(LoadBits(memory_.data() + offset, dtype_)); });
  return bits;
}

bool TensorMemory::EveryElementWritten() const {
  bool written = true;
  const uint64_t poison = LoadBits(PoisonOf(dtype_), dtype_);
  ForEachElement([&](int64_t offset) {
    written = written && LoadBits(memory_.data() + offset, dtype_) != poison;
  });
  return written;
}

bool TensorMemory::NothingElseWritten() const {
  std::vector<unsigned char> expected = expected_;
  ForEachElement([&](int64_t offset) {
    std::memcpy(expected.data() + offset, memory_.data() + offset, ElementSize(dtype_));
  });
  return memory_.SurroundingsUntouched() &&
         std::equal(expected.begin(), expected.end(), memory_.data());
}

bool TensorMemory::Unchanged() const {
  return memory_.SurroundingsUntouched() &&
         std::equal(expected_.begin(), expected_.end(), memory_.data());
}

moba_tensor TensorMemory::Describe() const { return DescribeTensor(dtype_, shape_, strides_); }

moba_tensor TensorMemory::DescribeFromLowest() const {
  moba_tensor tensor = Describe();
  tensor.byte_offset = origin_offset_;
  return tensor;
}

moba_tensor AbsentTensor() {
  moba_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.device_type = MOBA_DEVICE_CPU;
  return tensor;
}

moba_tensor DescribeTensor(int32_t dtype, const std::vector<int64_t>& shape,
                           const std::vector<int64_t>& strides) {
  moba_tensor tensor = AbsentTensor();
  tensor.dtype = dtype;
  tensor.ndim = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), tensor.shape);
  std::copy(strides.begin(), strides.end(), tensor.stride);
  return tensor;
}

moba_tensor DescribeTensor(int32_t dtype, const std::vector<int64_t>& shape) {
  return DescribeTensor(dtype, shape, ContiguousStrides(shape));
}

std::vector<int64_t> ContiguousStrides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

}  // namespace moba_test
