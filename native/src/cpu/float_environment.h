// The floating-point environment that kernels compute in. Hosts change that of their threads
// (rounding, subnormals flushed to zero); which thread does what must not show in the results.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace moba::cpu {

// Round to nearest, subnormals kept, no traps, for the length of a scope.
class DefaultFloatEnvironment {
 public:
  DefaultFloatEnvironment() : saved_(Get()) { Set(kDefault); }
  ~DefaultFloatEnvironment() { Set(saved_); }
  DefaultFloatEnvironment(const DefaultFloatEnvironment&) = delete;
  DefaultFloatEnvironment& operator=(const DefaultFloatEnvironment&) = delete;

 private:
#if defined(__x86_64__)
  using Word = uint32_t;
  static constexpr Word kDefault = 0x1F80;  // all exceptions masked
  static Word Get() { return _mm_getcsr(); }
  static void Set(Word word) { _mm_setcsr(word); }
#elif defined(__aarch64__)
  using Word = uint64_t;
  static constexpr Word kDefault = 0;
  static Word Get() {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void Set(Word word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
#error "moba: the floating-point environment of this processor is not known"
#endif

  const Word saved_;
};

}  // namespace moba::cpu
