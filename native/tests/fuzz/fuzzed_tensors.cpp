#include "fuzzed_tensors.h"

#include <limits>
#include <random>
#include <set>

#include "storage.h"

namespace moba_test {

int32_t PickFloatType(FuzzedDataProvider& bytes) {
  return bytes.PickValueInArray({MOBA_F32, MOBA_F16, MOBA_BF16});
}

moba_tensor Describe(FuzzedDataProvider& bytes, Role role, int32_t dtype,
                     const std::vector<int64_t>& shape, bool channel_axis) {
  std::vector<int64_t> strides(shape.size(), 1);
  std::vector<size_t> axes;  // innermost first
  int64_t reach = channel_axis ? std::max<int64_t>(shape.back(), 1) : 1;
  for (size_t axis = shape.size() - (channel_axis ? 1 : 0); axis-- > 0;) axes.push_back(axis);
  while (!axes.empty()) {
    const auto next = axes.begin() + bytes.ConsumeIntegralInRange<ptrdiff_t>(0, axes.size() - 1);
    int64_t& stride = strides[*next];
    stride = reach + bytes.ConsumeIntegralInRange(0, 3);
    reach = stride * std::max<int64_t>(shape[*next], 1);
    if (role == Role::kInput) stride *= bytes.PickValueInArray({1, 1, -1, 0});
    axes.erase(next);
  }
  moba_tensor tensor = DescribeTensor(dtype, shape, strides);
  tensor.byte_offset = bytes.PickValueInArray({0, 0, 64, 4096});
  return tensor;
}

std::vector<int64_t> ElementOffsets(const moba_tensor& tensor) {
  const auto size = static_cast<int64_t>(ElementSize(tensor.dtype));
  std::vector<int64_t> offsets = {0};
  for (int32_t axis = 0; axis < tensor.ndim; ++axis) {
    std::vector<int64_t> longer;
    for (int64_t offset : offsets) {
      for (int64_t i = 0; i < tensor.shape[axis]; ++i) {
        longer.push_back(offset + i * tensor.stride[axis] * size);
      }
    }
    offsets = std::move(longer);
  }
  return offsets;
}

bool HasDistinctElements(const moba_tensor& tensor) {
  const std::vector<int64_t> offsets = ElementOffsets(tensor);
  return std::set<int64_t>(offsets.begin(), offsets.end()).size() == offsets.size();
}

void FillWithFloats(FuzzedDataProvider& bytes, DescribedMemory& tensor) {
  if (!tensor.memory() || tensor.dtype() == MOBA_I32 || tensor.dtype() == MOBA_I64) return;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kRare[] = {
      0.0,   -0.0, kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN(),
      1e-44, 3e38, -6e4};
  std::minstd_rand random(bytes.ConsumeIntegral<uint8_t>());
  const uint32_t rarity = bytes.PickValueInArray({1000000, 50, 2});
  std::vector<double> values(tensor.Elements());
  for (double& value : values) {
    const auto draw = static_cast<uint32_t>(random());
    value = draw % rarity == 1 ? kRare[draw / rarity % std::size(kRare)]
                               : (draw >> 8 & 255) / 64.0 - 2.0;
  }
  tensor.memory()->Fill(values);
}

}  // namespace moba_test
