// Memory in which the library cannot stray unseen: the bytes end where an inaccessible page begins,
// and what is left of the first page before them is filled with a canary.
#ifndef MOBA_TESTS_GUARDED_MEMORY_H_
#define MOBA_TESTS_GUARDED_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace moba_test {

class GuardedMemory {
 public:
  // `size` bytes whose address is a multiple of `alignment`; at most alignment - 1 canary bytes lie
  // between their end and the guard page.
  GuardedMemory(size_t size, size_t alignment);
  ~GuardedMemory();
  GuardedMemory(GuardedMemory&& other) noexcept;
  GuardedMemory& operator=(GuardedMemory&& other) noexcept;

  unsigned char* data() const { return data_; }
  size_t size() const { return size_; }

  // Whether the canary bytes on both sides are as they were.
  bool SurroundingsUntouched() const;

 private:
  unsigned char* mapping_;
  size_t mapping_size_;
  unsigned char* data_;
  size_t size_;
};

}  // namespace moba_test

#endif  // MOBA_TESTS_GUARDED_MEMORY_H_
