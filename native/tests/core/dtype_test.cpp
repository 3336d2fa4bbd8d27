#include "core/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace moba::core {
namespace {

// Value of a half by its definition: sign, exponent, mantissa.
double HalfByDefinition(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) {
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  return sign *
         (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

TEST(F16, EveryBitPatternWidensToItsValueAndNarrowsBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float wide = FloatFromF16(half);
    const double expected = HalfByDefinition(half);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(wide));
      EXPECT_TRUE(std::isnan(FloatFromF16(F16FromFloat(wide))));
    } else {
      EXPECT_EQ(static_cast<double>(wide), expected);
      EXPECT_EQ(F16FromFloat(wide), half);
    }
  }
}

TEST(F16, RoundsToNearestEven) {
  // Halfway between two neighbours, and a hair to either side, over all finite positive halves.
  for (uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    const double low = HalfByDefinition(static_cast<uint16_t>(bits));
    const double high = HalfByDefinition(static_cast<uint16_t>(bits + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    const auto even = static_cast<uint16_t>(bits % 2 == 0 ? bits : bits + 1);
    EXPECT_EQ(F16FromFloat(middle), even);
    EXPECT_EQ(F16FromFloat(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(F16FromFloat(std::nextafter(middle, 1e6f)), bits + 1);
  }
  EXPECT_EQ(F16FromFloat(65519.0f), 0x7BFF);
  EXPECT_EQ(F16FromFloat(65520.0f), 0x7C00);
  EXPECT_EQ(F16FromFloat(-1e30f), 0xFC00);
}

TEST(BF16, RoundsToNearestEvenAndKeepsNaN) {
  EXPECT_EQ(BF16FromFloat(1.0f), 0x3F80);
  EXPECT_EQ(BF16FromFloat(std::bit_cast<float>(0x3F808000u)), 0x3F80);
  EXPECT_EQ(BF16FromFloat(std::bit_cast<float>(0x3F818000u)), 0x3F82);
  EXPECT_EQ(BF16FromFloat(std::bit_cast<float>(0x3F808001u)), 0x3F81);
  EXPECT_EQ(BF16FromFloat(std::numeric_limits<float>::max()), 0x7F80);
  // A NaN whose payload sits in the low half must not turn into infinity.
  EXPECT_TRUE(std::isnan(FloatFromBF16(BF16FromFloat(std::bit_cast<float>(0x7F800001u)))));
}

}  // namespace
}  // namespace moba::core
