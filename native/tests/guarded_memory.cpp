#include "guarded_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

namespace moba_test {
namespace {

constexpr unsigned char kCanary = 0xa5;

size_t PageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

GuardedMemory::GuardedMemory(size_t size, size_t alignment, Guard guard) : size_(size) {
  const size_t page = PageSize();
  const size_t usable = (size + page - 1) / page * page;
  mapping_size_ = usable + 2 * page;
  void* mapping =
      mmap(nullptr, mapping_size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  mapping_ = static_cast<unsigned char*>(mapping);
  // Of no length it is an error under QEMU.
  if (usable > 0 && mprotect(mapping_ + page, usable, PROT_READ | PROT_WRITE) != 0) {
    throw std::bad_alloc();
  }
  const size_t slack = guard == Guard::kBehind ? usable - size : 0;
  data_ = mapping_ + page + slack / alignment * alignment;
  std::fill(mapping_ + page, data_, kCanary);
  std::fill(data_ + size, mapping_ + page + usable, kCanary);
}

GuardedMemory::GuardedMemory(GuardedMemory&& other) noexcept
    : mapping_(other.mapping_),
      mapping_size_(other.mapping_size_),
      data_(other.data_),
      size_(other.size_) {
  other.mapping_ = nullptr;
}

GuardedMemory& GuardedMemory::operator=(GuardedMemory&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mapping_size_, other.mapping_size_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

GuardedMemory::~GuardedMemory() {
  if (mapping_ != nullptr) munmap(mapping_, mapping_size_);
}

unsigned char* GuardedMemory::pages() const { return mapping_ + PageSize(); }

size_t GuardedMemory::pages_size() const { return mapping_size_ - 2 * PageSize(); }

bool GuardedMemory::SurroundingsUntouched() const {
  const unsigned char* begin = pages();
  const unsigned char* end = begin + pages_size();
  const auto is_canary = [](unsigned char byte) { return byte == kCanary; };
  return std::all_of(begin, static_cast<const unsigned char*>(data_), is_canary) &&
         std::all_of(static_cast<const unsigned char*>(data_ + size_), end, is_canary);
}

}  // namespace moba_test
