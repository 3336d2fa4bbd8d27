// libFuzzer harness for moba_merge_states, in the manner of run_fuzzer. In some calls the six
// tensors lie anywhere in one piece of memory: then success says that no output shares a byte with
// another tensor.
#include "described_memory.h"
#include "fuzzed.h"
#include "fuzzed_tensors.h"
#include "storage.h"

namespace moba_test {
namespace {

constexpr int kTensors = 6;
constexpr int kOutputs[] = {4, 5};  // o and lse

moba_merge_shapes DescribeValid(FuzzedDataProvider& bytes) {
  const int32_t dtype = PickFloatType(bytes);
  std::vector<int64_t> rows = {bytes.ConsumeIntegralInRange(0, 6),
                               bytes.ConsumeIntegralInRange(0, 4)};
  if (bytes.ConsumeBool()) rows.insert(rows.begin(), bytes.ConsumeIntegralInRange(0, 3));
  std::vector<int64_t> values = rows;
  values.push_back(bytes.ConsumeIntegralInRange(1, 20));
  const auto o = [&](Role role) { return Describe(bytes, role, dtype, values, true); };
  const auto lse = [&](Role role) { return Describe(bytes, role, MOBA_F32, rows, false); };
  moba_merge_shapes shapes = {};
  shapes.struct_size = sizeof shapes;
  shapes.o_a = o(Role::kInput);
  shapes.lse_a = lse(Role::kInput);
  shapes.o_b = o(Role::kInput);
  shapes.lse_b = lse(Role::kInput);
  shapes.o = o(Role::kOutput);
  shapes.lse = lse(Role::kOutput);
  return shapes;
}

const moba_tensor* Tensors(const moba_merge_shapes& shapes) { return &shapes.o_a; }

int32_t Merge(const moba_engine* engine, const moba_merge_shapes* shapes,
              char* const (&p)[kTensors]) {
  return Answer([&] {
    return moba_merge_states(engine, shapes, p[0], reinterpret_cast<float*>(p[1]), p[2],
                             reinterpret_cast<float*>(p[3]), p[4], reinterpret_cast<float*>(p[5]),
                             nullptr);
  });
}

// Each tensor in memory of its own.
void MergeApart(FuzzedDataProvider& bytes, const moba_engine* engine,
                const moba_merge_shapes& shapes, bool spoilt) {
  const Guard guard = PickGuard(bytes);
  std::vector<DescribedMemory> memory;
  char* pointers[kTensors];
  bool must_fail = false;
  for (int i = 0; i < kTensors; ++i) {
    memory.emplace_back(Tensors(shapes)[i], guard);
    FillWithFloats(bytes, memory.back());
    pointers[i] = memory.back().data();
    must_fail |= memory.back().Wild();
  }
  // A wild tensor is only handed over where lse, which is then NULL or not empty, has to be
  // refused.
  if (must_fail) {
    if (memory[5].memory() && memory[5].Elements() == 0) return;
    pointers[5] = nullptr;
  }
  const ClaimedStruct<moba_merge_shapes> claimed(shapes, guard);
  const int32_t status = Merge(engine, claimed.get(), pointers);
  Expect(status != MOBA_OK || !must_fail, "a refusal");
  Expect(status == MOBA_OK || spoilt, "success of a valid merge");
  for (int i = 0; i < kTensors; ++i) {
    if (!memory[i].memory()) continue;
    const TensorMemory& tensor = *memory[i].memory();
    if (i < kOutputs[0] || status != MOBA_OK) {
      Expect(tensor.Unchanged(), "inputs unchanged, and outputs of a refused call");
    } else {
      Expect(tensor.NothingElseWritten(), "writes to elements of outputs only");
      Expect(tensor.EveryElementWritten(), "every element of an output");
      Expect(HasDistinctElements(Tensors(shapes)[i]), "refusal of elements that overlap");
    }
  }
}

// All tensors somewhere in one piece of memory.
void MergeTogether(FuzzedDataProvider& bytes, const moba_engine* engine, moba_merge_shapes shapes) {
  constexpr int64_t kBytes = 4096;
  GuardedMemory memory(kBytes, 64, PickGuard(bytes));
  std::memset(memory.data(), 0, kBytes);
  std::vector<std::vector<int64_t>> elements(kTensors);
  char* pointers[kTensors];
  for (int i = 0; i < kTensors; ++i) {
    moba_tensor& tensor = (&shapes.o_a)[i];
    const auto size = static_cast<int64_t>(ElementSize(tensor.dtype));
    const int64_t first = size * bytes.ConsumeIntegralInRange<int64_t>(0, kBytes / size - 1);
    for (int64_t offset : ElementOffsets(tensor)) {
      elements[i].push_back(first + offset);
      if (first + offset < 0 || first + offset + size > kBytes) return;
    }
    tensor.byte_offset = 0;
    pointers[i] = reinterpret_cast<char*>(memory.data()) + first;
  }
  const std::vector<char> before(memory.data(), memory.data() + kBytes);
  const int32_t status = Merge(engine, &shapes, pointers);
  std::vector<int> owner(kBytes, -1);
  for (int i = kTensors - 1; status == MOBA_OK && i >= 0; --i) {  // outputs first
    const size_t size = ElementSize(Tensors(shapes)[i].dtype);
    for (int64_t offset : elements[i]) {
      for (size_t byte = offset; byte < offset + size; ++byte) {
        Expect(owner[byte] < kOutputs[0], "outputs that overlap nothing");
        if (i >= kOutputs[0]) owner[byte] = i;
      }
    }
  }
  for (int64_t byte = 0; byte < kBytes; ++byte) {
    Expect(owner[byte] >= 0 || memory.data()[byte] == static_cast<unsigned char>(before[byte]),
           "writes to outputs only");
  }
}

}  // namespace
}  // namespace moba_test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moba_test;
  const std::vector<uint8_t> choices = Prolonged(data, size);
  FuzzedDataProvider bytes(choices.data(), choices.size());
  const moba_engine* engine = PickEngine(bytes);
  moba_merge_shapes shapes = DescribeValid(bytes);
  if (bytes.ConsumeBool()) {
    MergeTogether(bytes, engine, shapes);
    return 0;
  }
  const int spoilt = bytes.ConsumeIntegralInRange(0, 3);
  for (int i = 0; i < spoilt; ++i) Spoil(bytes, &shapes, sizeof shapes);
  ForgetWhatIsNotClaimed(shapes);
  MergeApart(bytes, engine, shapes, spoilt > 0);
  return 0;
}
