// Memory in which the library cannot stray unseen: the bytes touch an inaccessible page, and what
// is left of their own pages on the other side is filled with a canary.
#ifndef MOBA_TESTS_GUARDED_MEMORY_H_
#define MOBA_TESTS_GUARDED_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace moba_test {

// The side on which the bytes touch the inaccessible page: behind the last or before the first.
enum class Guard { kBehind, kBefore };
inline constexpr Guard kGuards[] = {Guard::kBehind, Guard::kBefore};

class GuardedMemory {
 public:
  // `size` bytes whose address is a multiple of `alignment`, at most a page; at most alignment - 1
  // canary bytes lie between their end and a guard page behind them, none between their begin and
  // one before them.
  GuardedMemory(size_t size, size_t alignment, Guard guard = Guard::kBehind);
  ~GuardedMemory();
  GuardedMemory(GuardedMemory&& other) noexcept;
  GuardedMemory& operator=(GuardedMemory&& other) noexcept;

  unsigned char* data() const { return data_; }
  size_t size() const { return size_; }

  // The pages that hold the bytes, with the canary bytes beside them: all that is accessible.
  unsigned char* pages() const;
  size_t pages_size() const;

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
