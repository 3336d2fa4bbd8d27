#include "storage.h"

#include <algorithm>
#include <bit>
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
  int max_exponent;  // of the largest finite number, and the bias

  constexpr uint64_t Infinity() const { return (2 * max_exponent + uint64_t{1}) << fraction_bits; }
};

constexpr Format16 kF16 = {10, -14, 15};
constexpr Format16 kBf16 = {7, -126, 127};

// The same of double.
constexpr int kFractionBits64 = 52;
constexpr int kBias64 = 1023;

const Format16& FormatOf(int32_t dtype) { return dtype == MOBA_F16 ? kF16 : kBf16; }

// Rounds to nearest, ties to even, as IEEE 754 says.
uint16_t Encode16(double value, const Format16& format) {
  const auto bits = std::bit_cast<uint64_t>(value);
  const uint64_t sign = bits >> 63 << 15;
  uint64_t code = format.Infinity();
  if (std::isnan(value)) {
    code |= uint64_t{1} << (format.fraction_bits - 1);
  } else if (std::isfinite(value)) {
    const int exponent = static_cast<int>(bits >> kFractionBits64 & 0x7ff) - kBias64;
    const uint64_t hidden = uint64_t{1} << kFractionBits64;
    const uint64_t significand = hidden | (bits & (hidden - 1));  // of a subnormal: far too small
    // Bits that the format has no room for; more of them where the result is subnormal.
    const int dropped =
        kFractionBits64 - format.fraction_bits + std::max(0, format.min_exponent - exponent);
    uint64_t kept = 0;
    if (dropped < 63) {
      kept = significand >> dropped;
      const uint64_t rest = significand & ((uint64_t{1} << dropped) - 1);
      const uint64_t half = uint64_t{1} << (dropped - 1);
      if (rest > half || (rest == half && kept % 2 == 1)) ++kept;
    }
    // The hidden bit, where it was kept, and a carry add one to the exponent.
    const int raised = std::max(0, exponent - format.min_exponent);
    code = std::min(code, (static_cast<uint64_t>(raised) << format.fraction_bits) + kept);
  }
  return static_cast<uint16_t>(sign | code);
}

double Decode16(uint16_t code, const Format16& format) {
  const uint64_t magnitude = code & 0x7fff;
  const uint64_t sign = static_cast<uint64_t>(code >> 15) << 63;
  double value;
  if (magnitude >> format.fraction_bits == 0) {
    value = std::ldexp(static_cast<double>(magnitude), format.min_exponent - format.fraction_bits);
  } else if (magnitude < format.Infinity()) {
    const uint64_t rebiased = static_cast<uint64_t>(kBias64 - format.max_exponent)
                              << kFractionBits64;
    value =
        std::bit_cast<double>((magnitude << (kFractionBits64 - format.fraction_bits)) + rebiased);
  } else if (magnitude == format.Infinity()) {
    value = std::numeric_limits<double>::infinity();
  } else {
    value = std::numeric_limits<double>::quiet_NaN();
  }
  return std::bit_cast<double>(std::bit_cast<uint64_t>(value) | sign);
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
  if (dtype == MOBA_F32) return static_cast<float>(value);
  const Format16& format = FormatOf(dtype);
  return Decode16(Encode16(value, format), format);
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
