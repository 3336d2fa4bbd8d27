#include "described_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

namespace moba_test {
namespace {

constexpr __int128 kMostElements = 1 << 15;
constexpr __int128 kMostBytes = 1 << 20;
constexpr int64_t kMostOffset = int64_t{1} << 40;

struct Extent {
  __int128 elements;
  __int128 bytes;
};

Extent ExtentOf(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  Extent extent = {1, 8};
  for (size_t i = 0; i < shape.size(); ++i) {
    const __int128 reach = static_cast<__int128>(shape[i] - 1) * strides[i];
    // Neither grows so far that the next product could overflow.
    extent.elements = std::min(extent.elements * shape[i], kMostElements + 1);
    extent.bytes += 8 * std::min(reach < 0 ? -reach : reach, kMostBytes);
  }
  return extent;
}

}  // namespace

char* Untouchable() {
  static void* const page =
      mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (page == MAP_FAILED) std::abort();
  return static_cast<char*>(page);
}

DescribedMemory::DescribedMemory(const moba_tensor& tensor, Guard guard) : dtype_(tensor.dtype) {
  if (tensor.ndim == 0) return;
  wild_ = true;
  data_ = Untouchable();
  const bool known = tensor.ndim > 0 && tensor.ndim <= MOBA_MAX_DIMS && tensor.dtype >= MOBA_F32 &&
                     tensor.dtype <= MOBA_I64;
  if (!known) return;
  const std::vector<int64_t> shape(tensor.shape, tensor.shape + tensor.ndim);
  std::vector<int64_t> strides(tensor.stride, tensor.stride + tensor.ndim);
  if (std::any_of(shape.begin(), shape.end(), [](int64_t size) { return size < 0; })) return;
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  // Where there are no elements, and on an axis that is never walked, these numbers say nothing.
  if (!empty && std::abs(tensor.byte_offset / 2) >= kMostOffset / 2) return;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] <= 1 || empty) strides[i] = 0;
  }
  const Extent extent = ExtentOf(shape, strides);
  if (extent.elements > kMostElements || extent.bytes > kMostBytes) return;
  wild_ = false;
  elements_ = static_cast<size_t>(extent.elements);
  memory_.emplace(tensor.dtype, shape, strides, guard);
  // The sum with byte_offset, which may be negative, is the address that counts.
  data_ = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(memory_->origin()) -
                                  static_cast<uintptr_t>(tensor.byte_offset));
}

}  // namespace moba_test
