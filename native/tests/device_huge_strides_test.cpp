// Tensors in memory of a CUDA engine's device whose offsets do not fit 32 bits.
#include <cstring>

#include "device.h"
#include "run.h"
#include "storage.h"

namespace moba_test {
namespace {

class DeviceHugeStrides : public DeviceTest {
 protected:
  int64_t FreeBytes() const {
    int64_t free_bytes = 0;
    int64_t total_bytes = 0;
    ThrowUnlessOk(moba_memory_info(Engine(), &free_bytes, &total_bytes));
    return free_bytes;
  }
};

TEST_P(DeviceHugeStrides, OffsetsBeyond32BitsAreFollowed) {
  // The last of 18 tokens lies 2.3 * 10^9 elements, 4.6 * 10^9 bytes, away.
  constexpr int64_t kTokens = 18;
  constexpr int64_t kStride = int64_t{1} << 27;
  constexpr int64_t kDim = 64;
  constexpr int64_t kRowBytes = kDim * 2;
  constexpr int64_t kBytes = (kTokens - 1) * kStride * 2 + 3 * kRowBytes;
  if (FreeBytes() < 2 * kBytes + (int64_t{1} << 30)) GTEST_SKIP() << "the device has no 10 GiB";
  Problem problem;
  problem.dtype = MOBA_BF16;
  problem.head_dim = problem.head_dim_v = kDim;
  problem.sequences = {{kTokens, kTokens}};
  problem.options = BlockSparse(4, 3);
  Randomize(&problem, 21);
  const Outcome expected = Attend(Engine(), problem);

  // Of each token q, k and v side by side.
  const DeviceMemory inputs(Engine(), kBytes);
  const DeviceMemory output(Engine(), kBytes);
  std::vector<unsigned char> rows(kTokens * 3 * kRowBytes);
  for (int64_t token = 0; token < kTokens; ++token) {
    unsigned char* const row = rows.data() + token * 3 * kRowBytes;
    for (int64_t d = 0; d < kDim; ++d) {
      Store(row + d * 2, MOBA_BF16, problem.q[token * kDim + d]);
      Store(row + kRowBytes + d * 2, MOBA_BF16, problem.k[token * kDim + d]);
      Store(row + 2 * kRowBytes + d * 2, MOBA_BF16, problem.v[token * kDim + d]);
    }
    ThrowUnlessOk(moba_memory_copy(Engine(), inputs.as<char>() + token * kStride * 2, row,
                                   3 * kRowBytes, nullptr));
  }

  Call call(problem, Operation::kAttend, {});
  call.PlaceOn(Engine());
  for (moba_tensor* tensor : {&call.shapes.q, &call.shapes.k, &call.shapes.v, &call.shapes.o}) {
    tensor->stride[0] = kStride;
  }
  call.q = inputs.as<char>();
  call.k = inputs.as<char>() + kRowBytes;
  call.v = inputs.as<char>() + 2 * kRowBytes;
  call.o = output.get();
  const OwnedPlan plan(Engine(), call.config);
  call.MakeWorkspace(plan);
  ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(call.lse_memory->Bits(), expected.lse_bits);
  EXPECT_EQ(call.selected_memory->Values(), std::vector<double>(expected.selection.blocks.begin(),
                                                                expected.selection.blocks.end()));
  for (int64_t token = 0; token < kTokens; ++token) {
    unsigned char row[kRowBytes];
    ThrowUnlessOk(moba_memory_copy(Engine(), row, output.as<char>() + token * kStride * 2,
                                   kRowBytes, nullptr));
    ThrowUnlessOk(moba_stream_synchronize(Engine(), nullptr));
    for (int64_t d = 0; d < kDim; ++d) {
      EXPECT_EQ(LoadBits(row + d * 2, MOBA_BF16), expected.o_bits[token * kDim + d])
          << "token " << token << ", channel " << d;
    }
  }
}

MOBA_INSTANTIATE_DEVICE(DeviceHugeStrides);

}  // namespace
}  // namespace moba_test
