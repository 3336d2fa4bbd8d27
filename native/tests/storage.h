// Element types as they lie in memory, converted value by value through fp64. Written from the
// format definitions alone (significand bits, exponent range, round to nearest even) so that the
// library's own conversions have something independent to be held against.
#ifndef MOBA_TESTS_STORAGE_H_
#define MOBA_TESTS_STORAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "moba/moba.h"

namespace moba_test {

// Bytes of one element.
size_t ElementSize(int32_t dtype);

std::string DtypeName(int32_t dtype);

// `value` rounded once, from fp64, to the nearest value of a floating-point dtype.
double Round(double value, int32_t dtype);

// The element at `address`, exactly.
double Load(const void* address, int32_t dtype);

// Writes `value`, rounded once to the dtype.
void Store(void* address, int32_t dtype, double value);

// The raw bits of the element at `address`, zero-extended.
uint64_t LoadBits(const void* address, int32_t dtype);

}  // namespace moba_test

#endif  // MOBA_TESTS_STORAGE_H_
