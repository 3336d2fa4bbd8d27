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
    const __int128 reach = static_cast<__int128>(axis.size - 1) * axis.stride * element_size;
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

int32_t CheckPlacement(const Expected& expected, const moba_tensor& tensor) {
  const char* name = expected.name;
  if (tensor.struct_size != static_cast<int64_t>(sizeof(moba_tensor))) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.struct_size is %lld, expected %zu", name,
                static_cast<LongLong>(tensor.struct_size), sizeof(moba_tensor));
  }
  if (tensor.dtype != expected.dtype) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s.dtype is %s (%d), expected %s", name,
                DTypeName(tensor.dtype), tensor.dtype, DTypeName(expected.dtype));
  }
  if (tensor.device_type != MOBA_DEVICE_CPU || tensor.device_id != 0) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "%s is on device (type %d, id %d), expected the CPU (type %d, id 0)", name,
                tensor.device_type, tensor.device_id, MOBA_DEVICE_CPU);
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

int32_t ReadTensor(const Expected& expected, const moba_tensor& tensor, const void* data,
                   Tensor& result) {
  const char* name = expected.name;
  if (const int32_t status = CheckPlacement(expected, tensor)) return status;
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
  if (data == nullptr) {
    return Fail(MOBA_INVALID_ARGUMENT, "%s is NULL, expected the address of its data", name);
  }
  const uintptr_t address =
      reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(tensor.byte_offset);
  if (address % static_cast<uintptr_t>(size) != 0) {
    return Fail(MOBA_INVALID_ARGUMENT,
                "%s is at an address that is %d modulo %d, expected alignment to the element size",
                name, static_cast<int>(address % static_cast<uintptr_t>(size)),
                static_cast<int>(size));
  }
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

// Longest stride in bytes over which the tensor repeats, and how far one repetition reaches.
struct Period {
  uintptr_t stride = 0;
  uintptr_t reach = 0;
};

Period LongestPeriod(const Tensor& tensor) {
  const auto& rows = tensor.rows;
  const std::array<std::array<int64_t, 2>, 4> axes = {{{tensor.batch, rows.batch_stride},
                                                       {tensor.tokens, rows.token_stride},
                                                       {tensor.heads, rows.head_stride},
                                                       {tensor.channels, rows.channel_stride}}};
  Period period;
  for (const auto& [size, stride] : axes) {
    if (size > 1) {
      period.stride =
          std::max(period.stride, static_cast<uintptr_t>(std::abs(stride) * rows.element_size));
    }
  }
  period.reach = static_cast<uintptr_t>(rows.element_size);
  for (const auto& [size, stride] : axes) {
    const auto bytes = static_cast<uintptr_t>(std::abs(stride) * rows.element_size);
    if (size > 1 && bytes != period.stride) {
      period.reach += static_cast<uintptr_t>(size - 1) * bytes;
    }
  }
  return period;
}

}  // namespace

int32_t CheckApart(const Tensor& output, const Tensor& other) {
  if (output.high <= other.low || other.high <= output.low) return MOBA_OK;
  const Period a = LongestPeriod(output);
  const Period b = LongestPeriod(other);
  if (a.stride != 0 && a.stride == b.stride) {
    // Both repeat with the same period: apart if their places within it are.
    const uintptr_t distance = (other.low - output.low) % a.stride;
    if (distance >= a.reach && distance + b.reach <= a.stride) return MOBA_OK;
  }
  return Fail(MOBA_INVALID_ARGUMENT, "%s overlaps %s in memory, expected an output of its own",
              output.name, other.name);
}

}  // namespace moba::api
