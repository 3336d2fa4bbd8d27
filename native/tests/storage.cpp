#include "storage.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace moba_test {
namespace {

// A binary floating-point format of 16 bits: 1 sign bit, the exponent, then `fraction_bits`.
struct Format16 {
  int fraction_bits;
  int min_exponent;  // of the smallest normal number
  int max_exponent;  // of the largest finite number
};

constexpr Format16 kF16 = {10, -14, 15};
constexpr Format16 kBf16 = {7, -126, 127};

const Format16& FormatOf(int32_t dtype) { return dtype == MOBA_F16 ? kF16 : kBf16; }

double Round16(double value, const Format16& format) {
  if (std::isnan(value) || std::isinf(value) || value == 0.0) return value;
  const int exponent = std::max(std::ilogb(value), format.min_exponent);
  const double quantum = std::ldexp(1.0, exponent - format.fraction_bits);
  const double rounded = std::nearbyint(value / quantum) * quantum;
  const double limit = std::ldexp(1.0, format.max_exponent + 1);
  if (std::fabs(rounded) < limit) return rounded;
  return std::copysign(std::numeric_limits<double>::infinity(), value);
}

uint16_t Encode16(double value, const Format16& format) {
  const int bias = format.max_exponent;
  const int infinity = (2 * bias + 1) << format.fraction_bits;
  const int sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return static_cast<uint16_t>(infinity | 1 << (format.fraction_bits - 1));
  const double magnitude = std::fabs(Round16(value, format));
  if (std::isinf(magnitude)) return static_cast<uint16_t>(sign | infinity);
  const double smallest = std::ldexp(1.0, format.min_exponent - format.fraction_bits);
  if (magnitude < std::ldexp(1.0, format.min_exponent)) {
    return static_cast<uint16_t>(sign | static_cast<int>(magnitude / smallest));
  }
  const int exponent = std::ilogb(magnitude);
  const int fraction = static_cast<int>((std::ldexp(magnitude, -exponent) - 1.0) *
                                        std::ldexp(1.0, format.fraction_bits));
  return static_cast<uint16_t>(sign | (exponent + bias) << format.fraction_bits | fraction);
}

double Decode16(uint16_t bits, const Format16& format) {
  const int bias = format.max_exponent;
  const double sign = bits & 0x8000 ? -1.0 : 1.0;
  const int fraction = bits & ((1 << format.fraction_bits) - 1);
  const int exponent = (bits & 0x7fff) >> format.fraction_bits;
  if (exponent == 2 * bias + 1) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, format.min_exponent - format.fraction_bits);
  return sign *
         std::ldexp((1 << format.fraction_bits) + fraction, exponent - bias - format.fraction_bits);
}

template <typename T>
T Read(const void* address) {
  T value;
  std::memcpy(&value, address, sizeof value);
  return value;
}

template <typename T>
void Write(void* address, T value) {
  std::memcpy(address, &value, sizeof value);
}

[[noreturn]] void Unknown(int32_t dtype) {
  throw std::invalid_argument("unknown dtype " + std::to_string(dtype));
}

}  // namespace

size_t ElementSize(int32_t dtype) {
  switch (dtype) {
    case MOBA_F16:
    case MOBA_BF16:
      return 2;
    case MOBA_F32:
    case MOBA_I32:
      return 4;
    case MOBA_I64:
      return 8;
  }
  Unknown(dtype);
}

std::string DtypeName(int32_t dtype) {
  switch (dtype) {
    case MOBA_F32:
      return "f32";
    case MOBA_F16:
      return "f16";
    case MOBA_BF16:
      return "bf16";
    case MOBA_I32:
      return "i32";
    case MOBA_I64:
      return "i64";
  }
  Unknown(dtype);
}

double Round(double value, int32_t dtype) {
  return dtype == MOBA_F32 ? static_cast<float>(value) : Round16(value, FormatOf(dtype));
}

double Load(const void* address, int32_t dtype) {
  switch (dtype) {
    case MOBA_F32:
      return Read<float>(address);
    case MOBA_F16:
    case MOBA_BF16:
      return Decode16(Read<uint16_t>(address), FormatOf(dtype));
    case MOBA_I32:
      return Read<int32_t>(address);
    case MOBA_I64:
      return static_cast<double>(Read<int64_t>(address));
  }
  Unknown(dtype);
}

void Store(void* address, int32_t dtype, double value) {
  switch (dtype) {
    case MOBA_F32:
      return Write(address, static_cast<float>(value));
    case MOBA_F16:
    case MOBA_BF16:
      return Write(address, Encode16(value, FormatOf(dtype)));
    case MOBA_I32:
      return Write(address, static_cast<int32_t>(value));
    case MOBA_I64:
      return Write(address, static_cast<int64_t>(value));
  }
  Unknown(dtype);
}

uint64_t LoadBits(const void* address, int32_t dtype) {
  uint64_t bits = 0;  // little-endian: the element fills the low bytes
  std::memcpy(&bits, address, ElementSize(dtype));
  return bits;
}

}  // namespace moba_test
