// The emulated tensor cores, copies and barriers, by a kernel that uses them all: a product of
// matrices whose operands come by the copy engine and by threads, with a producer warpgroup.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "cuda/device/copy.h"
#include "cuda/device/mma.h"

namespace moba_test {
namespace {

using namespace moba::cuda;

// out = (A B^T) V of A [64, D], B [N, D], V [N, D]: A copied by threads, B and V by boxes.
template <class Element, int N, int D>
struct TwoProducts {
  static constexpr int kPanels = (D + kPanelChannels - 1) / kPanelChannels;
  static constexpr int kThreads = 2 * kWarpgroupSize;
  static constexpr int kA = 64 * kPanelRowBytes;
  static constexpr int kB = N * kPanelRowBytes;
  static constexpr int64_t kSharedBytes = kPanels * (kA + 2 * kB) + 64;

  const char* a;
  TensorMap b;
  TensorMap v;
  float* out;

  MOBA_THREAD void operator()(char* shared) const {
    char* const a_panels = shared;
    char* const b_panels = a_panels + kPanels * kA;
    char* const v_panels = b_panels + kPanels * kB;
    auto* const barriers = reinterpret_cast<Barrier*>(v_panels + kPanels * kB);
    if (ThreadIndex() == 0) {
      barriers[0].Init(1);
      barriers[1].Init(kWarpgroupSize);
      FenceBarriers();
    }
    SyncThreads();
    if (ThreadIndex() < kWarpgroupSize) {
      if (ThreadIndex() == 0) {
        barriers[0].ArriveExpecting(2 * kPanels * kB);
        for (int panel = 0; panel < kPanels; ++panel) {
          CopyBox(b, barriers[0], b_panels + panel * kB, panel * 64, 0, 0, 0);
          CopyBox(v, barriers[0], v_panels + panel * kB, panel * 64, 0, 0, 0);
        }
      }
      for (int i = ThreadIndex(); i < 64 * D / 8; i += kWarpgroupSize) {
        const int row = i / (D / 8);
        const int piece = i % (D / 8);
        Copy16(a + row * D * 2 + piece * 16,
               a_panels + piece / 8 * kA + SwizzledOffset(row, piece % 8));
      }
      CopiesDone();
      FenceForAsync();
      barriers[1].Arrive();
      return;
    }
    barriers[0].Wait(0);
    barriers[1].Wait(0);
    typename Mma<Element, N>::Result s;
    MmaBegin();
    for (int step = 0; step < D / 16; ++step) {
      Mma<Element, N>::SharedShared(SumOverChannels(a_panels + step / 4 * kA, step % 4),
                                    SumOverChannels(b_panels + step / 4 * kB, step % 4), s,
                                    step > 0);
    }
    MmaCommit();
    MmaWait<0>();
    typename Mma<Element, D>::Result o;
    uint32_t p[N / 16][4];
    for (int step = 0; step < N / 16; ++step) PackA<Element>(s, step, p[step]);
    MmaBegin();
    for (int step = 0; step < N / 16; ++step) {
      Mma<Element, D>::RegistersShared(p[step], SumOverRows(v_panels, step, kB), o, step > 0);
    }
    MmaCommit();
    MmaWait<0>();
    const int thread = ThreadIndex() % kWarpgroupSize;
    for (int i = 0; i < D / 2; ++i) {
      const int row = thread / 32 * 16 + thread % 32 / 4 + i % 4 / 2 * 8;
      out[row * D + i / 4 * 8 + thread % 4 * 2 + i % 2] = o[i];
    }
  }
};

template <class Element>
std::vector<Element> Random(int count, std::mt19937& random) {
  std::vector<Element> values(static_cast<size_t>(count));
  for (Element& value : values) Narrow(static_cast<float>(random() % 17) - 8.0f, value);
  return values;
}

template <class Element, int N, int D>
void ExpectProducts() {
  std::mt19937 random(N + D);
  const auto a = Random<Element>(64 * D, random);
  const auto b = Random<Element>(N * D, random);
  const auto v = Random<Element>(N * D, random);
  for (ThreadOrder order :
       {ThreadOrder::kAscending, ThreadOrder::kDescending, ThreadOrder::kInterleaved}) {
    emulated_order = order;
    std::vector<float> out(64 * D, NAN);
    TwoProducts<Element, N, D> kernel = {};
    kernel.a = reinterpret_cast<const char*>(a.data());
    kernel.out = out.data();
    const auto map = [&](const std::vector<Element>& values, TensorMap& result) {
      return MakeTensorMap({reinterpret_cast<const char*>(values.data()), 2, 0, D, 0}, {1, N, 1, D},
                           N, result);
    };
    ASSERT_TRUE(map(b, kernel.b) && map(v, kernel.v));
    ASSERT_TRUE(LaunchThreads({}, kernel, 1).ok());
    for (int row = 0; row < 64; ++row) {
      std::vector<double> expected(D);
      for (int n = 0; n < N; ++n) {
        double s = 0;
        for (int d = 0; d < D; ++d) {
          s += static_cast<double>(Widen(a[static_cast<size_t>(row * D + d)])) *
               static_cast<double>(Widen(b[static_cast<size_t>(n * D + d)]));
        }
        Element p;
        Narrow(static_cast<float>(s), p);
        for (int d = 0; d < D; ++d) {
          expected[static_cast<size_t>(d)] +=
              static_cast<double>(Widen(p)) *
              static_cast<double>(Widen(v[static_cast<size_t>(n * D + d)]));
        }
      }
      for (int d = 0; d < D; ++d) {
        const double value = expected[static_cast<size_t>(d)];
        EXPECT_NEAR(static_cast<double>(out[static_cast<size_t>(row * D + d)]), value,
                    1e-4 * std::fabs(value) + 1)
            << "row " << row << " channel " << d;
      }
    }
  }
  emulated_order = ThreadOrder::kAscending;
}

TEST(EmulatedDevice, ProductsFromCopiedOperands) {
  ExpectProducts<BF16, 64, 64>();
  ExpectProducts<BF16, 128, 128>();
  ExpectProducts<F16, 128, 96>();
  ExpectProducts<F16, 64, 192>();
  ExpectProducts<BF16, 64, 256>();
}

struct WaitsForEver {
  static constexpr int kThreads = 128;
  static constexpr int64_t kSharedBytes = 1024;
  MOBA_THREAD void operator()(char* /*shared*/) const {
    if (ThreadIndex() != 5) SyncThreads();
  }
};

TEST(EmulatedDevice, ABlockThatWaitsForEverIsNoticed) {
  EXPECT_DEATH((void)LaunchThreads({}, WaitsForEver{}, 1), "every thread waits");
}

struct ReadsUnfenced {
  static constexpr int kThreads = 128;
  static constexpr int64_t kSharedBytes = 64 * 1024;
  const char* source;
  MOBA_THREAD void operator()(char* shared) const {
    Copy16(source, shared + ThreadIndex() * 16);
    CopiesDone();
    SyncThreads();
    Mma<BF16, 64>::Result d;
    MmaBegin();
    Mma<BF16, 64>::SharedShared(SumOverChannels(shared, 0), SumOverChannels(shared, 0), d, false);
    MmaCommit();
    MmaWait<0>();
  }
};

TEST(EmulatedDevice, ReadingCopiesWithoutAFenceIsNoticed) {
  alignas(16) const char source[16] = {};
  EXPECT_DEATH((void)LaunchThreads({}, ReadsUnfenced{source}, 1), "nobody fenced");
}

struct WarpSums {
  static constexpr int kThreads = 128;
  static constexpr int64_t kSharedBytes = 1024;
  int32_t* sums;
  uint32_t* equals;
  MOBA_THREAD void operator()(char* /*shared*/) const {
    int sum = ThreadIndex();
    for (int mask = 16; mask > 0; mask /= 2) sum += ShuffleXor(sum, mask);
    const uint32_t odd = Ballot(ThreadIndex() % 2 == 1);
    equals[ThreadIndex()] = MatchAny(ThreadIndex() % 3);
    if (Shuffle(ThreadIndex(), 7) % 32 == 7 && PopCount(odd) == 16) {
      FetchAdd(&sums[ThreadIndex() / 32], sum);
    }
  }
};

TEST(EmulatedDevice, LanesOfAWarpExchangeValues) {
  for (ThreadOrder order : {ThreadOrder::kAscending, ThreadOrder::kInterleaved}) {
    emulated_order = order;
    int32_t sums[4] = {};
    uint32_t equals[128] = {};
    ASSERT_TRUE(LaunchThreads({}, WarpSums{sums, equals}, 1).ok());
    for (int warp = 0; warp < 4; ++warp) {
      EXPECT_EQ(sums[warp], 32 * (32 * 32 * warp + 496));
    }
    EXPECT_EQ(equals[3], 0b01001001001001001001001001001001u);
  }
  emulated_order = ThreadOrder::kAscending;
}

}  // namespace
}  // namespace moba_test
