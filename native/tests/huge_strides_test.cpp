// Tensors whose offsets do not fit 32 bits: of the processor, and in memory of a CUDA engine's
// device.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "device.h"
#include "parameters.h"
#include "run.h"
#include "storage.h"

namespace moba_test {
namespace {

struct FarTensors {
  const void* q;
  const void* k;
  const void* v;
  void* o;
};

// Attends to tensors whose tokens lie `stride` elements apart; expects lse and selection as they
// are with compact ones.
void AttendFarApart(const moba_engine* engine, const Problem& problem, int64_t stride,
                    const FarTensors& tensors, const Outcome& expected) {
  Call call(problem, Operation::kAttend, {});
  call.PlaceOn(engine);
  for (moba_tensor* tensor : {&call.shapes.q, &call.shapes.k, &call.shapes.v, &call.shapes.o}) {
    tensor->stride[0] = stride;
  }
  call.q = tensors.q;
  call.k = tensors.k;
  call.v = tensors.v;
  call.o = tensors.o;
  const OwnedPlan plan(engine, call.config);
  call.MakeWorkspace(plan);
  ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(call.lse_memory->Bits(), expected.lse_bits);
  EXPECT_EQ(call.selected_memory->Values(), std::vector<double>(expected.selection.blocks.begin(),
                                                                expected.selection.blocks.end()));
}

// Address space without memory behind it, until it is written.
class SparseMemory {
 public:
  explicit SparseMemory(size_t size) : size_(size) {
    data_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  }
  ~SparseMemory() {
    if (data_ != MAP_FAILED) munmap(data_, size_);
  }
  SparseMemory(const SparseMemory&) = delete;
  SparseMemory& operator=(const SparseMemory&) = delete;

  bool available() const { return data_ != MAP_FAILED; }
  float* floats() const { return static_cast<float*>(data_); }

 private:
  void* data_;
  size_t size_;
};

class HugeStrides : public TargetTest {};

TEST_P(HugeStrides, OffsetsBeyond32BitsAreFollowed) {
  // Token strides of 2^28 elements: the last of 20 tokens lies 5 * 10^9 elements, 20 GiB, away.
  constexpr int64_t kTokens = 20;
  constexpr int64_t kStride = int64_t{1} << 28;
  constexpr int64_t kDim = 16;
  Problem problem;
  problem.head_dim = problem.head_dim_v = kDim;
  problem.sequences = {{kTokens, kTokens}};
  problem.options = BlockSparse(4, 3);
  Randomize(&problem, 14);
  const Outcome expected = Attend(Engine(), problem);

  const SparseMemory q(kTokens * kStride * sizeof(float));
  const SparseMemory k(kTokens * kStride * sizeof(float));
  const SparseMemory v(kTokens * kStride * sizeof(float));
  const SparseMemory o(kTokens * kStride * sizeof(float));
  if (!q.available() || !k.available() || !v.available() || !o.available()) {
    GTEST_SKIP() << "no address space of 80 GiB";
  }
  const auto fill = [&](const SparseMemory& memory, const std::vector<double>& values) {
    for (int64_t token = 0; token < kTokens; ++token) {
      for (int64_t d = 0; d < kDim; ++d) {
        memory.floats()[token * kStride + d] = static_cast<float>(values[token * kDim + d]);
      }
    }
  };
  fill(q, problem.q);
  fill(k, problem.k);
  fill(v, problem.v);

  ASSERT_NO_FATAL_FAILURE(AttendFarApart(
      Engine(), problem, kStride, {q.floats(), k.floats(), v.floats(), o.floats()}, expected));
  for (int64_t token = 0; token < kTokens; ++token) {
    EXPECT_EQ(0, std::memcmp(o.floats() + token * kStride,
                             std::vector<float>(expected.o.begin() + token * kDim,
                                                expected.o.begin() + (token + 1) * kDim)
                                 .data(),
                             kDim * sizeof(float)))
        << "token " << token;
  }
}

TEST_P(HugeStrides, NegativeOffsetsBeyond32BitsAreFollowed) {
  constexpr int64_t kTokens = 20;
  constexpr int64_t kStride = int64_t{1} << 28;
  Problem problem;
  problem.head_dim = problem.head_dim_v = 8;
  problem.sequences = {{kTokens, kTokens}};
  problem.options = FullAttention();
  Randomize(&problem, 15);
  const Outcome expected = Attend(Engine(), problem);
  const SparseMemory k(kTokens * kStride * sizeof(float));
  if (!k.available()) GTEST_SKIP() << "no address space of 20 GiB";
  float* origin = k.floats() + (kTokens - 1) * kStride;
  for (int64_t token = 0; token < kTokens; ++token) {
    for (int64_t d = 0; d < 8; ++d) {
      origin[d - token * kStride] = static_cast<float>(problem.k[token * 8 + d]);
    }
  }
  Call call(problem, Operation::kAttend, {});
  call.shapes.k.stride[0] = -kStride;
  call.k = origin;
  const OwnedPlan plan(Engine(), call.config);
  call.MakeWorkspace(plan);
  ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(call.o_memory->Bits(), expected.o_bits);
}

TEST_P(HugeStrides, ZeroStridesRepeatOneToken) {
  // k and v of one token seen as 100: every row is the mean of equal values.
  Problem problem;
  problem.head_dim = problem.head_dim_v = 8;
  problem.sequences = {{100, 100}};
  problem.options = BlockSparse(16, 3);
  Randomize(&problem, 16);
  for (int64_t token = 1; token < 100; ++token) {
    for (int64_t d = 0; d < 8; ++d) {
      problem.K(token, 0, d) = problem.K(0, 0, d);
      problem.V(token, 0, d) = problem.V(0, 0, d);
    }
  }
  const Outcome expected = Attend(Engine(), problem);
  Call call(problem, Operation::kAttend, {});
  call.shapes.k.stride[0] = 0;
  call.shapes.v.stride[0] = 0;
  const OwnedPlan plan(Engine(), call.config);
  call.MakeWorkspace(plan);
  ASSERT_EQ(call.Run(plan.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(call.o_memory->Bits(), expected.o_bits);
}

MOBA_INSTANTIATE_TARGETS(HugeStrides);

class DeviceHugeStrides : public DeviceTest {};

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

  ASSERT_NO_FATAL_FAILURE(AttendFarApart(Engine(), problem, kStride,
                                         {inputs.get(), inputs.as<char>() + kRowBytes,
                                          inputs.as<char>() + 2 * kRowBytes, output.get()},
                                         expected));
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
