#include "api/tensors.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace moba::api {
namespace {

using LongLong = long long;

// No tensor spans more bytes than this, so sums of offsets cannot overflow.
constexpr __int128 kMostBytes = __int128{1} << 62;

struct Axis {
  const char* name;
  int64_t size;
  int64_t stride;
};

// Byte range of all elements, relative to the first.
int32_t Span(const char* name, const std::array<Axis, 4>& axes, int64_t element_size, int64_t& low,
             int64_t& high) {
  __int128 lowest = 0;
  __int128 highest = 0;
  __int128 elements = 1;
  for (const Axis& axis : axes) {
    // Sizes and strides are 64-bit: their product fits, that with element_size need not.
    const __int128 elements_reach = static_cast<__int128>(axis.size - 1) * axis.stride;
    const __int128 reach =
        std::clamp(elements_reach, -2 * kMostBytes, 2 * kMostBytes) * element_size;
    (reach < 0 ? lowest : highest) += reach;
    elements *= std::max<int64_t>(axis.size, 1);
    if (-lowest > kMostBytes || highest > kMostBytes || elements * element_size > kMostBytes) {
      return Fail(MOBA_INVALID_ARGUMENT,
                  "%s has shape x strides that overflow (at axis %s: size %lld, stride %lld), "
                  "expected at most 2^62 bytes",
                  name, axis.name, static_cast<LongLong>(axis.size),
                  static_cast<LongLong>(axis.stride));
    }
  }
  low = static_cast<int64_t>(lowest);
  high = static_cast<int64_t>(highest) + element_size;
  return MOBA_OK;
}

// In an output every element has an address of its own: each stride steps over all that the smaller
// strides reach.
int32_t CheckDistinct(const char* name, std::array<Axis, 4> axes) {
  std::sort(axes.begin(), axes.end(),
            [](const Axis& a, const Axis& b) { return std::abs(a.stride) < std::abs(b.stride); });
  __int128 reach = 0;
  for (const Axis& axis : axes) {
    if (axis.size <= 1) continue;
    if (std::abs(axis.stride) <= reach) {
      return Fail(MOBA_INVALID_ARGUMENT,
                  "%s is an output whose elements overlap: the stride of axis %s is %lld, expected "
                  "more than %lld",
                  name, axis.name, static_cast<LongLong>(axis.stride),
                  static_cast<LongLong>(reach));
    }
    reach += static_cast<__int128>(axis.size - 1) * std::abs(axis.stride);
  }
  return MOBA_OK;
}

int32_t CheckAxis(const char* name, int32_t index, const char* axis, int64_t size,
                  int64_t expected) {
  if (size < 0 || (expected >= 0 && size != expected)) {
    if (expected < 0) {
      return Fail(MOBA_INVALID_ARGUMENT, "%s.shape[%d] (%s) is %lld, expected 0 or more", name,
                  index, axis, static_cast<LongLong>(size));
    }
    return Fail(MOBA_INVALID_ARGUMENT, "%s.shape[%d] (%s) is %lld, expected %lld", name, index,
                axis, static_cast<LongLong>(size), static_cast<LongLong>(expected));
  }
  return MOBA_OK;
}

}  // namespace

int64_t ElementSize(int32_t dtype) {
  switch (dtype) {
    case MOBA_F16:
    case MOBA_BF16:
      return 2;
    case MOBA_F32:
    case MOBA_I32:
      return 4;
    case MOBA_I64:
      return 8;
    default:
      return 0;
  }
}

const char* DTypeName(int32_t dtype) {
  switch (dtype) {
    case MOBA_F32:
      return "F32";
    case MOBA_F16:
      return "F16";
    case MOBA_BF16:
      return "BF16";
    case MOBA_I32:
      return "I32";
    case MOBA_I64:
      return "I64";
    default:
      return "unknown";
  }
}

int32_t CheckPlacement(const char* name, const moba_tensor& tensor, const Device& device) {
  if (tensor.struct_size != static_cast<int64_t>(sizeof(moba_tensor))) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.struct_size is %lld, expected %zu", name,
                static_cast<LongLong>(tensor.struct_size), sizeof(moba_tensor));
  }
  if (tensor.device_type != device.type || tensor.device_id != device.id) {
    return Fail(
        MOBA_INVALID_ARGUMENT, "%s is on device (type %d, id %d), expected the %s (type %d, id %d)",
        name, tensor.device_type, tensor.device_id,
        device.type == MOBA_DEVICE_CPU ? "CPU" : "engine's CUDA device", device.type, device.id);
  }
  return MOBA_OK;
}

int32_t ReadAddress(const char* name, const moba_tensor& tensor, const void* data,
                    uintptr_t& address) {
  if (data == nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s is NULL, expected the address of its data", name);
  }
  if (tensor.byte_offset < 0 || tensor.byte_offset > kMostBytes) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.byte_offset is %lld, expected 0 to 2^62", name,
                static_cast<LongLong>(tensor.byte_offset));
  }
  address = reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(tensor.byte_offset);
  const auto size = static_cast<uintptr_t>(ElementSize(tensor.dtype));
  if (address % size != 0) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "%s is at an address that is %d modulo %d, expected alignment to the element size",
                name, static_cast<int>(address % size), static_cast<int>(size));
  }
  return MOBA_OK;
}

int32_t ReadTensor(const Expected& expected, const moba_tensor& tensor, const void* data,
                   Tensor& result) {
  const char* name = expected.name;
  if (tensor.dtype != expected.dtype) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.dtype is %s (%d), expected %s", name,
                DTypeName(tensor.dtype), tensor.dtype, DTypeName(expected.dtype));
  }
  if (const int32_t status = CheckPlacement(name, tensor, expected.device)) return status;
  const int32_t first = expected.batched ? 1 : 0;
  const int32_t ndim = first + (expected.channels == 0 ? 2 : 3);
  if (tensor.ndim != ndim) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.ndim is %d, expected %d: [%stokens, heads%s]", name,
                tensor.ndim, ndim, expected.batched ? "batch, " : "",
                expected.channels == 0 ? "" : (expected.channels < 0 ? ", blocks" : ", channels"));
  }
  std::array<Axis, 4> axes = {
      {{"batch", 1, 0}, {"tokens", 1, 0}, {"heads", 1, 0}, {"channels", 1, 1}}};
  if (expected.channels < 0) axes[3].name = "blocks";
  for (int32_t i = 0; i < ndim; ++i) {
    Axis& axis = axes[static_cast<size_t>(i + 1 - first)];
    axis.size = tensor.shape[i];
    // The stride of an axis that is never walked says nothing.
    if (axis.size > 1) axis.stride = tensor.stride[i];
  }
  const int64_t wanted[] = {expected.batch, expected.tokens, expected.heads,
                            expected.channels == 0 ? 1 : expected.channels};
  for (size_t i = 0; i < 4; ++i) {
    const int32_t index = static_cast<int32_t>(i) - 1 + first;
    if (index < 0 || index >= ndim) continue;
    if (const int32_t status = CheckAxis(name, index, axes[i].name, axes[i].size, wanted[i])) {
      return status;
    }
  }
  if (expected.channels > 1 && axes[3].stride != 1) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.stride[%d] (channels) is %lld, expected 1", name,
                ndim - 1, static_cast<LongLong>(axes[3].stride));
  }

  const int64_t size = ElementSize(tensor.dtype);
  int64_t low = 0;
  int64_t high = 0;
  if (const int32_t status = Span(name, axes, size, low, high)) return status;
  result = {};
  result.name = name;
  result.batch = axes[0].size;
  result.tokens = axes[1].size;
  result.heads = axes[2].size;
  result.channels = axes[3].size;
  result.rows = {nullptr, size, axes[0].stride, axes[1].stride, axes[2].stride, axes[3].stride};
  const bool empty =
      std::any_of(axes.begin(), axes.end(), [](const Axis& a) { return a.size == 0; });
  // Something to point at for a tensor that is present but never read.
  static char nothing[16];
  if (empty || expected.role == Role::kShapeOnly) {
    result.rows.data = nothing;
    return MOBA_OK;
  }
  uintptr_t address = 0;
  if (const int32_t status = ReadAddress(name, tensor, data, address)) return status;
  if (static_cast<uintptr_t>(-low) > address ||
      address > UINTPTR_MAX - static_cast<uintptr_t>(high)) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s reaches beyond the address space with its strides",
                name);
  }
  if (expected.role == Role::kOutput) {
    if (const int32_t status = CheckDistinct(name, axes)) return status;
  }
  result.rows.data = reinterpret_cast<char*>(address);
  result.low = address - static_cast<uintptr_t>(-low);
  result.high = address + static_cast<uintptr_t>(high);
  return MOBA_OK;
}

namespace {

// Byte strides of the axes that are walked, longest first, and the bytes they reach over.
struct Walk {
  std::array<int64_t, 4> strides;
  std::array<int64_t, 4> sizes;
  size_t axes = 0;
  int64_t element_size = 0;

  explicit Walk(const Tensor& tensor) : element_size(tensor.rows.element_size) {
    const auto& rows = tensor.rows;
    std::array<std::array<int64_t, 2>, 4> all = {
        {{std::abs(rows.batch_stride), tensor.batch},
         {std::abs(rows.token_stride), tensor.tokens},
         {std::abs(rows.head_stride), tensor.heads},
         {std::abs(rows.channel_stride), tensor.channels}}};
    std::sort(all.rbegin(), all.rend());
    for (const auto& [stride, size] : all) {
      if (size <= 1 || stride == 0) continue;
      strides[axes] = stride * element_size;
      sizes[axes] = size;
      ++axes;
    }
  }

  // Bytes from the first to the end of the last element, over the axes from `first` on.
  int64_t Reach(size_t first) const {
    int64_t reach = element_size;
    for (size_t i = first; i < axes; ++i) reach += (sizes[i] - 1) * strides[i];
    return reach;
  }
};

// Whether no element of b, which begins `distance` bytes after a, lies in an element of a. Looks at
// the axes from first_a and first_b on. A longest stride that both share, or that is longer than
// all the other tensor reaches, is a period: it is enough to look at two neighbouring ones.
bool Apart(const Walk& a, size_t first_a, const Walk& b, size_t first_b, int64_t distance) {
  if (distance >= a.Reach(first_a) || -distance >= b.Reach(first_b)) return true;
  const int64_t stride_a = first_a < a.axes ? a.strides[first_a] : 0;
  const int64_t stride_b = first_b < b.axes ? b.strides[first_b] : 0;
  const int64_t period = std::max(stride_a, stride_b);
  if (period == 0) return false;
  const size_t next_a = first_a + (stride_a == period ? 1 : 0);
  const size_t next_b = first_b + (stride_b == period ? 1 : 0);
  if (a.Reach(next_a) > period || b.Reach(next_b) > period) return false;
  const int64_t within = (distance % period + period) % period;
  return Apart(a, next_a, b, next_b, within) && Apart(a, next_a, b, next_b, within - period);
}

}  // namespace

Tensor Contiguous(const char* name, const void* data, int64_t bytes) {
  Tensor tensor;
  tensor.name = name;
  tensor.rows.element_size = 1;
  tensor.rows.token_stride = 1;
  tensor.tokens = bytes;
  tensor.heads = tensor.channels = 1;
  tensor.low = reinterpret_cast<uintptr_t>(data);
  tensor.high = tensor.low + static_cast<uintptr_t>(bytes);
  return tensor;
}

int32_t CheckApart(const Tensor& output, const Tensor& other) {
  if (output.high <= other.low || other.high <= output.low) return MOBA_OK;
  const auto distance = static_cast<int64_t>(other.low - output.low);
  if (Apart(Walk(output), 0, Walk(other), 0, distance)) return MOBA_OK;
  return Fail(MOBA_INVALID_ARGUMENT, "%s overlaps %s in memory, expected an output of its own",
              output.name, other.name);
}

}  // namespace moba::api
