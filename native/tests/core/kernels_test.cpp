// The kernels of every target this processor can run, piece by piece.
#include "cpu/kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "core/carver.h"

namespace moba::cpu {
namespace {

using core::DType;

std::vector<Target> RunnableTargets() {
  std::vector<Target> targets;
  for (const Target target : {Target::kBaseline, Target::kAvx2, Target::kAvx512, Target::kNeon}) {
    if (CompiledKernels(target) != nullptr && ProcessorSupports(target)) targets.push_back(target);
  }
  return targets;
}

class KernelsOf : public testing::TestWithParam<Target> {
 protected:
  const Kernels& kernels() const { return *CompiledKernels(GetParam()); }
};

std::vector<float> RandomRows(int64_t rows, int64_t channels) {
  std::mt19937 random(static_cast<uint32_t>(rows * 1000 + channels));
  std::uniform_real_distribution<float> uniform(-2.0f, 2.0f);
  std::vector<float> values(static_cast<size_t>(rows * channels));
  for (float& value : values) value = uniform(random);
  return values;
}

// As buffers of a plan are.
struct AlignedAllocator : std::allocator<float> {
  template <class T>
  struct rebind {
    using other = AlignedAllocator;
  };
  float* allocate(size_t count) {
    return static_cast<float*>(::operator new (count * sizeof(float), std::align_val_t{64}));
  }
  void deallocate(float* memory, size_t /*count*/) {
    ::operator delete (memory, std::align_val_t{64});
  }
};
using Aligned = std::vector<float, AlignedAllocator>;

std::vector<float> Rounded(std::vector<float> values, DType dtype) {
  for (float& value : values) value = core::RoundTo(dtype, value);
  return values;
}

// As they lie in memory, at the end of an allocation.
std::vector<char> Stored(const std::vector<float>& values, DType dtype) {
  std::vector<char> bytes(values.size() * static_cast<size_t>(core::SizeOf(dtype)));
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t half =
        dtype == DType::kF16 ? core::F16FromFloat(values[i]) : core::BF16FromFloat(values[i]);
    if (dtype == DType::kF32) {
      std::memcpy(bytes.data() + 4 * i, &values[i], 4);
    } else {
      std::memcpy(bytes.data() + 2 * i, &half, 2);
    }
  }
  return bytes;
}

SourceRows RowsOf(const std::vector<float>& values, int64_t channels) {
  return {reinterpret_cast<const char*>(values.data()), channels * 4, DType::kF32,
          static_cast<int64_t>(values.size()) / channels, channels};
}

TEST_P(KernelsOf, PackedKeysAreSlabsOfChannelsWithZeroKeysAtTheEnd) {
  const int64_t slab = kernels().slab;
  for (const int64_t channels : {1, 3, 4, 7, 64, 65}) {
    for (const int64_t rows : {1, 4, 13, 16, 63, 64, 65, 83}) {
      const std::vector<float> keys = RandomRows(rows, channels);
      Aligned widened(static_cast<size_t>(kMostSlab * core::RoundUp(channels, 16)));
      const int64_t padded = core::RoundUp(rows, kernels().lanes);
      Aligned packed(static_cast<size_t>(padded * channels + 1), 99.0f);
      kernels().pack_keys(RowsOf(keys, channels), widened.data(), packed.data());
      for (int64_t row = 0; row < padded; ++row) {
        const int64_t first = row / slab * slab;
        const int64_t width = std::min(slab, padded - first);
        for (int64_t channel = 0; channel < channels; ++channel) {
          const int64_t at = first * channels + channel * width + row - first;
          const float expected =
              row < rows ? keys[static_cast<size_t>(row * channels + channel)] : 0.0f;
          ASSERT_EQ(packed[static_cast<size_t>(at)], expected) << rows << " x " << channels;
        }
      }
      EXPECT_EQ(packed.back(), 99.0f) << "wrote beyond the packed keys";
    }
  }
}

TEST_P(KernelsOf, PackedValuesAreSlabsPerStepAndFlagWhatIsNotFinite) {
  const int64_t tile = kernels().slab;
  for (const int64_t channels : {1, 13, 40, 97}) {
    const int64_t rows = kStepKeys + 5;
    const int64_t padded = core::RoundUp(channels, kernels().lanes);
    const std::vector<float> values = RandomRows(rows, channels);
    std::vector<float> widened(static_cast<size_t>(core::RoundUp(channels, 16)));
    Aligned packed(static_cast<size_t>(rows * padded + 1), 99.0f);
    uint8_t finite[2] = {7, 7};
    kernels().pack_values(RowsOf(values, channels), widened.data(), packed.data(), finite);
    EXPECT_EQ(finite[0], 1);
    EXPECT_EQ(finite[1], 1);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t step = row / kStepKeys * kStepKeys;
      const int64_t keys = std::min(kStepKeys, rows - step);
      for (int64_t channel = 0; channel < padded; ++channel) {
        const int64_t slab = channel / tile * tile;
        const int64_t width = std::min(tile, padded - slab);
        const int64_t at = step * padded + slab * keys + (row - step) * width + channel - slab;
        const float expected =
            channel < channels ? values[static_cast<size_t>(row * channels + channel)] : 0.0f;
        ASSERT_EQ(packed[static_cast<size_t>(at)], expected) << row << ", " << channel;
      }
    }
    EXPECT_EQ(packed.back(), 99.0f) << "wrote beyond the packed values";
  }
}

TEST_P(KernelsOf, StepsOfValuesThatAreNotFiniteAreFlagged) {
  const int64_t channels = 13;
  const int64_t rows = kStepKeys + 5;
  std::vector<float> values = RandomRows(rows, channels);
  std::vector<float> widened(static_cast<size_t>(core::RoundUp(channels, 16)));
  Aligned packed(static_cast<size_t>(rows * core::RoundUp(channels, kernels().lanes)), 99.0f);
  uint8_t finite[2] = {7, 7};
  for (const float odd :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    values[static_cast<size_t>((rows - 1) * channels + channels - 1)] = odd;
    kernels().pack_values(RowsOf(values, channels), widened.data(), packed.data(), finite);
    EXPECT_EQ(finite[0], 1);
    EXPECT_EQ(finite[1], 0);
  }
}

// The means of rows of heads side by side that lie in `keys` as well, `stride` floats apart.
void ExpectMeans(const Kernels& kernels, const std::vector<float>& keys, int64_t stride,
                 const SourceRows& source, int64_t num_heads) {
  alignas(64) double sums[4096];
  const int64_t head_stride = core::RoundUp(source.channels, kMostLanes) + kMostLanes;
  for (const auto means_of : {kernels.pack_centroids, kernels.pack_centroids_of_amd}) {
    Aligned packed(static_cast<size_t>(num_heads * head_stride), 99.0f);
    means_of(source, num_heads, sums, packed.data(), head_stride);
    for (int64_t i = 0; i < num_heads * source.channels; ++i) {
      double sum = 0;
      for (int64_t row = 0; row < source.num_rows; ++row) {
        sum += static_cast<double>(keys[static_cast<size_t>(row * stride + i)]);
      }
      const auto mean = static_cast<float>(sum / static_cast<double>(source.num_rows));
      const int64_t at = i / source.channels * head_stride + i % source.channels;
      ASSERT_EQ(packed[static_cast<size_t>(at)], core::RoundTo(source.dtype, mean))
          << "channel " << i;
    }
    for (int64_t head = 1; head <= num_heads; ++head) {
      EXPECT_EQ(packed[static_cast<size_t>(head * head_stride - 1)], 99.0f)
          << "wrote beyond the mean";
    }
  }
}

TEST_P(KernelsOf, CentroidsAreMeansInDoubleRoundedToFloatAndStorage) {
  const auto expect = [&](DType dtype, int64_t channels, int64_t num_heads) {
    for (const int64_t stride : {num_heads * channels, num_heads * channels + 3}) {
      for (const int64_t rows : {1, 7, 100}) {
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(num_heads) + " x " +
                     std::to_string(channels) + ", " + std::to_string(stride) + " apart");
        const std::vector<float> keys = Rounded(RandomRows(rows, stride), dtype);
        const std::vector<char> stored = Stored(keys, dtype);
        ExpectMeans(kernels(), keys, stride,
                    {stored.data(), stride * core::SizeOf(dtype), dtype, rows, channels},
                    num_heads);
      }
    }
  };
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const int64_t channels : {1, 5, 16, 37, 128, 200, 256}) expect(dtype, channels, 1);
    for (const int64_t num_heads : {2, 3, 8, 32}) {
      for (const int64_t channels : {16, 80, 128}) expect(dtype, channels, num_heads);
    }
  }
}

TEST_P(KernelsOf, FinishedRowIsTheQuotientAndEmptyRowsAreZero) {
  std::vector<float> o(64, 3.0f);
  float m = 2.0f;
  float l = 4.0f;
  const RowState state = {o.data(), &m, &l, nullptr, nullptr, 16};
  float out[6] = {9, 9, 9, 9, 9, 9};
  float lse = 0;
  kernels().finish_row(state, 0, true, 5, 1.0f, DType::kF32, reinterpret_cast<char*>(out), &lse);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(out[i], 0.75f);
  EXPECT_EQ(out[5], 9.0f);
  EXPECT_NEAR(lse, 4.0f * std::log(2.0f), 1e-6f);  // log2: m + log2(l) = 4

  l = 0.0f;
  kernels().finish_row(state, 0, false, 5, 1.0f, DType::kF32, reinterpret_cast<char*>(out),
                       nullptr);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(out[i], 0.0f);
}

TEST_P(KernelsOf, FinishedRowIsRoundedToStorageAsOneNumberIs) {
  const int64_t channels = 61;
  Aligned o(64);
  float m = 0.0f;
  float l = 1.0f;
  const RowState state = {o.data(), &m, &l, nullptr, nullptr, 64};
  std::mt19937 random(5);
  for (int repeat = 0; repeat < 200; ++repeat) {
    for (float& value : o) {
      // Ties, and every exponent with infinity and NaN.
      uint32_t bits = static_cast<uint32_t>(random());
      if (random() % 2 == 0) bits = (bits & 0xFFFF0000u) | 0x8000u;
      value = std::bit_cast<float>(bits);
    }
    for (const DType dtype : {DType::kF16, DType::kBF16}) {
      uint16_t out[channels];
      kernels().finish_row(state, 0, true, channels, 1.0f, dtype, reinterpret_cast<char*>(out),
                           nullptr);
      for (int64_t i = 0; i < channels; ++i) {
        const float value = o[static_cast<size_t>(i)];
        const uint16_t expected =
            dtype == DType::kF16 ? core::F16FromFloat(value) : core::BF16FromFloat(value);
        if (std::isnan(value) && dtype == DType::kF16) {
          ASSERT_TRUE(std::isnan(core::FloatFromF16(out[i])));
        } else if (std::isnan(value)) {
          ASSERT_TRUE(std::isnan(core::FloatFromBF16(out[i])));
        } else {
          ASSERT_EQ(out[i], expected) << value;
        }
      }
    }
  }
}

TEST_P(KernelsOf, BlendDoesNotReadASideOfNoWeight) {
  const float a[3] = {1.0f, 2.0f, 3.0f};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float b[3] = {nan, nan, nan};
  float out[3];
  kernels().blend_row(reinterpret_cast<const char*>(a), 0.5f, reinterpret_cast<const char*>(b),
                      0.0f, 3, DType::kF32, reinterpret_cast<char*>(out));
  EXPECT_EQ(out[0], 0.5f);
  EXPECT_EQ(out[2], 1.5f);
}

INSTANTIATE_TEST_SUITE_P(Targets, KernelsOf, testing::ValuesIn(RunnableTargets()),
                         [](const auto& info) {
                           return std::string(CompiledKernels(info.param)->name).substr(4);
                         });

}  // namespace
}  // namespace moba::cpu
