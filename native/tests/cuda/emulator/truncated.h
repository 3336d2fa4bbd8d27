// Sums as tensor cores may round them.
#pragma once

#include <cmath>

namespace moba::cuda::emulator {

// To fp32, towards 0.
inline float Truncated(double value) {
  const float nearest = static_cast<float>(value);
  const bool beyond = std::fabs(static_cast<double>(nearest)) > std::fabs(value);
  return beyond ? std::nextafter(nearest, 0.0f) : nearest;
}

}  // namespace moba::cuda::emulator
