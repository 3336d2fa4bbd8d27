// libFuzzer harness for plans and runs: moba_plan_create, moba_plan_workspace_bytes,
// moba_selection_width, moba_route, moba_attend and moba_attend_selected.
//
// The bytes describe a valid call, and then what of it is spoilt: fields of the plan's config and
// of the shapes, the contents of cu_seqlens and of a given selection, pointers and sizes. Every
// tensor lies between guard pages, in memory exactly as large as its description says. A
// description of more memory than there is, is handed over with the address of an untouchable page
// in a call that has to be refused all the same, since its progress lies in its workspace.
//
// The contract: a call that was not spoilt succeeds; one that succeeds writes every element of its
// outputs and nothing else; one that fails says why in a sentence and writes to no output.
#include <optional>
#include <random>

#include "described_memory.h"
#include "fuzzed.h"
#include "fuzzed_tensors.h"

namespace moba_test {
namespace {

constexpr int64_t kMostWorkspace = 16 << 20;

enum class Operation { kRoute, kAttend, kAttendSelected };

struct Lengths {
  int64_t q;
  int64_t k;
};

// A valid call, without memory.
class Description {
 public:
  explicit Description(FuzzedDataProvider& bytes) : bytes_(bytes) {
    operation =
        bytes.PickValueInArray({Operation::kAttend, Operation::kRoute, Operation::kAttendSelected});
    batched = bytes.ConsumeBool();
    DescribeLengths();
    DescribeConfig();
    DescribeShapes();
  }

  Operation operation;
  bool batched;
  bool alike;  // each sequence has as many queries as keys
  std::vector<Lengths> sequences;
  Lengths total = {0, 0};
  moba_plan_config config = {};
  moba_run_shapes shapes = {};

  bool Full() const { return config.options.attention == MOBA_ATTENTION_FULL; }

  // Blocks that the query may select.
  int64_t VisibleBlocks(const Lengths& sequence, int64_t query) const {
    const bool causal = config.options.causal != 0;
    const int64_t keys =
        causal ? std::min(sequence.k, sequence.k - sequence.q + query + 1) : sequence.k;
    return keys <= 0 ? 0 : (keys - 1) / config.options.block_size + 1;
  }

  // Rows of a valid selection for every token and head: ascending, -1 at the end.
  std::vector<double> Selection() const {
    std::minstd_rand random(bytes_.ConsumeIntegral<uint8_t>());
    std::vector<double> entries;
    for (const Lengths& sequence : sequences) {
      for (int64_t row = 0; row < sequence.q * config.num_heads; ++row) {
        const int64_t visible = VisibleBlocks(sequence, row / config.num_heads);
        int64_t block = random() % 3 == 0 ? 1 : 0;
        for (int64_t place = 0; place < Width(); ++place) {
          entries.push_back(block < visible ? static_cast<double>(block) : -1.0);
          block += 1 + random() % 2;
        }
      }
    }
    return entries;
  }

  // K': of an output what the header says, of an input what the plan allows.
  int64_t Width() const {
    if (operation == Operation::kAttendSelected) return config.max_selected;
    int64_t most = 0;
    for (const Lengths& sequence : sequences) {
      most =
          std::max(most, (sequence.k + config.options.block_size - 1) / config.options.block_size);
    }
    return std::max<int64_t>(1, std::min(config.options.top_k, most));
  }

 private:
  int64_t Range(int64_t least, int64_t most) {
    return bytes_.ConsumeIntegralInRange<int64_t>(least, most);
  }

  void DescribeLengths() {
    const int64_t count = Range(1, 4);
    const int64_t scale = bytes_.PickValueInArray({1, 1, 1, 5});
    alike = bytes_.ConsumeBool();
    for (int64_t s = 0; s < count; ++s) {
      const int64_t q = Range(0, 12);
      const int64_t k = alike ? q : scale * Range(0, 20);
      sequences.push_back(batched && s > 0 ? sequences[0] : Lengths{q, k});
      total.q += sequences.back().q;
      total.k += sequences.back().k;
    }
  }

  void DescribeConfig() {
    config.struct_size = sizeof config;
    config.dtype = PickFloatType(bytes_);
    config.num_kv_heads = Range(1, 3);
    config.num_heads = config.num_kv_heads * Range(1, 3);
    config.head_dim = Range(1, 20);
    config.head_dim_v = Range(1, 20);
    config.max_tokens_q = total.q + Range(0, 3);
    config.max_tokens_k = total.k + Range(0, 3);
    config.max_sequences = static_cast<int64_t>(sequences.size()) + Range(0, 3);
    moba_options& options = config.options;
    moba_options_init(&options);
    options.causal = bytes_.ConsumeBool();
    options.softmax_scale = bytes_.PickValueInArray({0.0, 1.0, 1e-30, 1e30});
    if (operation == Operation::kAttend && bytes_.ConsumeBool()) {
      options.attention = MOBA_ATTENTION_FULL;
      return;
    }
    options.routing = bytes_.ConsumeBool() ? MOBA_ROUTING_PER_GROUP : MOBA_ROUTING_PER_HEAD;
    options.block_size = Range(1, 40);
    options.top_k = Range(1, 6);
    options.sink_blocks = Range(0, options.top_k - 1);
    if (options.causal != 0) options.local_blocks = Range(1, options.top_k - options.sink_blocks);
    if (operation == Operation::kAttendSelected || bytes_.ConsumeBool()) {
      config.max_selected = Range(1, 6);
    }
    if (operation == Operation::kAttendSelected && bytes_.ConsumeBool()) options.top_k = 0;
  }

  moba_tensor Rows(Role role, int32_t dtype, int64_t tokens, std::vector<int64_t> shape,
                   bool channel_axis = true) {
    const auto count = static_cast<int64_t>(sequences.size());
    shape.insert(shape.begin(), batched ? tokens / count : tokens);
    if (batched) shape.insert(shape.begin(), count);
    return Describe(bytes_, role, dtype, shape, channel_axis);
  }

  void DescribeShapes() {
    const int32_t dtype = config.dtype;
    const bool attends = operation != Operation::kRoute;
    const bool selects = operation != Operation::kAttend || (!Full() && bytes_.ConsumeBool());
    const moba_tensor absent = AbsentTensor();
    shapes = {sizeof shapes, absent, absent, absent, absent, absent, absent, absent, absent};
    shapes.q = Rows(Role::kInput, dtype, total.q, {config.num_heads, config.head_dim});
    shapes.k = Rows(Role::kInput, dtype, total.k, {config.num_kv_heads, config.head_dim});
    if (attends) {
      shapes.v = Rows(Role::kInput, dtype, total.k, {config.num_kv_heads, config.head_dim_v});
      shapes.o = Rows(Role::kOutput, dtype, total.q, {config.num_heads, config.head_dim_v});
    }
    if (attends && bytes_.ConsumeBool()) {
      shapes.lse = Rows(Role::kOutput, MOBA_F32, total.q, {config.num_heads}, false);
    }
    if (selects) {
      // Like an output also where it is given: with zero strides rows would share their entries.
      shapes.selected = Rows(Role::kOutput, MOBA_I32, total.q, {config.num_heads, Width()}, false);
    }
    if (!batched && (sequences.size() > 1 || bytes_.ConsumeBool())) {
      const auto count = static_cast<int64_t>(sequences.size()) + 1;
      const int32_t index = bytes_.ConsumeBool() ? MOBA_I64 : MOBA_I32;
      const int64_t given = alike ? Range(0, 2) : 0;  // both, or one for both
      if (given != 1) shapes.cu_seqlens_q = DescribeTensor(index, {count});
      if (given != 2) shapes.cu_seqlens_k = DescribeTensor(index, {count});
    }
  }

  FuzzedDataProvider& bytes_;
};

// The description with spoilt parts, in memory.
class Run {
 public:
  Run(FuzzedDataProvider& bytes, const Description& valid)
      : bytes_(bytes), valid_(valid), config_(valid.config), shapes_(valid.shapes) {
    const int64_t count = bytes.ConsumeIntegralInRange(0, 4);
    for (int64_t i = 0; i < count; ++i) SpoilOne();
    ForgetWhatIsNotClaimed(shapes_);
    Place();
  }

  void Check() {
    const moba_engine* engine = PickEngine(bytes_);
    const ClaimedStruct<moba_plan_config> config(config_, PickGuard(bytes_));
    moba_plan* plan = nullptr;
    const int32_t status = Answer([&] { return moba_plan_create(engine, config.get(), &plan); });
    Expect((status == MOBA_OK) == (plan != nullptr), "a plan on MOBA_OK only");
    Expect(status == MOBA_OK || spoilt_config_, "a plan for a valid config");
    if (plan == nullptr) return;
    CheckRun(plan);
    Expect(moba_plan_destroy(plan) == MOBA_OK, "an idle plan to be destroyed");
  }

 private:
  enum Slot { kQ, kK, kV, kO, kLse, kSelected, kCuQ, kCuK, kSlots };

  void SpoilOne() {
    spoilt_ = true;
    switch (bytes_.ConsumeIntegralInRange(0, 8)) {
      case 0:
        spoilt_config_ = true;
        return Spoil(bytes_, &config_, sizeof config_);
      case 1:
      case 2:
        return Spoil(bytes_, &shapes_, sizeof shapes_);
      case 3:
        null_ = bytes_.ConsumeIntegralInRange<int>(0, kSlots - 1);
        return;
      case 4:
        misplaced_ = bytes_.ConsumeIntegralInRange<int>(0, kSlots - 1);
        return;
      case 5:
        spoilt_lengths_ = true;
        return;
      case 6:
        spoilt_selection_ = true;
        return;
      case 7:
        spoilt_workspace_ = true;
        return;
      default:
        o_is_q_ = true;
    }
  }

  const moba_tensor* Tensor(int slot) const {
    const moba_tensor* const tensors[] = {&shapes_.q,
                                          &shapes_.k,
                                          &shapes_.v,
                                          &shapes_.o,
                                          &shapes_.lse,
                                          &shapes_.selected,
                                          &shapes_.cu_seqlens_q,
                                          &shapes_.cu_seqlens_k};
    return tensors[slot];
  }

  bool IsOutput(int slot) const {
    return slot == kO || slot == kLse ||
           (slot == kSelected && valid_.operation != Operation::kAttendSelected);
  }

  // Index arrays are read to be validated, also by a call that is refused.
  bool IsIndexArray(int slot) const {
    return slot == kCuQ || slot == kCuK || (slot == kSelected && !IsOutput(slot));
  }

  bool IsUsed(int slot) const {
    return valid_.operation != Operation::kRoute || (slot != kV && slot != kO && slot != kLse);
  }

  void Place() {
    const Guard guard = PickGuard(bytes_);
    for (int slot = 0; slot < kSlots; ++slot) {
      DescribedMemory& memory = memory_.emplace_back(*Tensor(slot), guard);
      pointers_[slot] = memory.data();
      if (memory.Wild()) {
        wild_ = must_fail_ = true;
        if (IsIndexArray(slot)) pointers_[slot] = nullptr;
      }
    }
    for (int slot : {kQ, kK, kV}) FillWithFloats(bytes_, memory_[slot]);
    FillLengths(memory_[kCuQ], &Lengths::q);
    FillLengths(memory_[kCuK], &Lengths::k);
    if (!IsOutput(kSelected)) FillSelection();
    if (null_ >= 0) pointers_[null_] = nullptr;
    if (misplaced_ >= 0 && pointers_[misplaced_] != nullptr) ++pointers_[misplaced_];
    if (o_is_q_) PutOutputOnQuery();
  }

  // What the dtype, and a double on the way to it, can hold.
  static int64_t Fit(int64_t value, int32_t dtype) {
    const int64_t most = dtype == MOBA_I64 ? int64_t{1} << 53 : INT32_MAX;
    return std::clamp(value, -most - 1, most);
  }

  void Fill(DescribedMemory& memory, std::vector<double> values, bool spoilt) {
    if (!memory.memory()) return;
    values.resize(memory.Elements(), values.empty() ? 0 : values.back());
    if (spoilt && !values.empty()) {
      const auto index = bytes_.ConsumeIntegralInRange<size_t>(0, values.size() - 1);
      values[index] = static_cast<double>(Fit(PickInteger(bytes_), memory.dtype()));
    }
    memory.memory()->Fill(values);
  }

  void FillLengths(DescribedMemory& memory, int64_t Lengths::*side) {
    std::vector<double> offsets = {0};
    for (const Lengths& sequence : valid_.sequences) {
      offsets.push_back(offsets.back() + static_cast<double>(sequence.*side));
    }
    Fill(memory, offsets, spoilt_lengths_);
  }

  void FillSelection() { Fill(memory_[kSelected], valid_.Selection(), spoilt_selection_); }

  // An output in the place of an input.
  void PutOutputOnQuery() {
    const int output = valid_.operation == Operation::kRoute ? kSelected : kO;
    if (memory_[output].Elements() == 0 || memory_[kQ].Elements() == 0) return;
    pointers_[output] =
        reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(memory_[kQ].memory()->origin()) -
                                static_cast<uintptr_t>(Tensor(output)->byte_offset));
    must_fail_ = true;
  }

  int32_t Call(const moba_plan* plan, const moba_run_shapes* shapes, void* workspace,
               int64_t workspace_bytes, int64_t* progress, const int32_t* cancel) const {
    const auto& p = pointers_;
    const auto lse = reinterpret_cast<float*>(p[kLse]);
    const auto selected = reinterpret_cast<int32_t*>(p[kSelected]);
    switch (valid_.operation) {
      case Operation::kRoute:
        return moba_route(plan, shapes, p[kQ], p[kK], p[kCuQ], p[kCuK], selected, workspace,
                          workspace_bytes, nullptr, progress, cancel);
      case Operation::kAttend:
        return moba_attend(plan, shapes, p[kQ], p[kK], p[kV], p[kCuQ], p[kCuK], p[kO], lse,
                           selected, workspace, workspace_bytes, nullptr, progress, cancel);
      case Operation::kAttendSelected:
        return moba_attend_selected(plan, shapes, p[kQ], p[kK], p[kV], p[kCuQ], p[kCuK], selected,
                                    p[kO], lse, workspace, workspace_bytes, nullptr, progress,
                                    cancel);
    }
    return MOBA_INTERNAL;
  }

  void CheckRun(const moba_plan* plan) {
    int64_t needed = -1;
    Expect(moba_plan_workspace_bytes(plan, &needed) == MOBA_OK && needed >= 0, "workspace bytes");
    const Guard guard = PickGuard(bytes_);
    const int64_t workspace_bytes = spoilt_workspace_ ? PickInteger(bytes_) : needed;
    const bool affordable = workspace_bytes <= kMostWorkspace;
    GuardedMemory workspace(affordable ? std::max<int64_t>(workspace_bytes, 0) : 0, 64, guard);
    auto* const workspace_data = affordable ? workspace.data() : nullptr;
    must_fail_ |= workspace_bytes < needed || !affordable;

    GuardedMemory counters(2 * sizeof(int64_t), alignof(int64_t), guard);
    auto* progress = bytes_.ConsumeBool() ? nullptr : reinterpret_cast<int64_t*>(counters.data());
    if (wild_) progress = reinterpret_cast<int64_t*>(workspace_data);
    GuardedMemory flag(sizeof(int32_t), alignof(int32_t), guard);
    auto* const cancel = reinterpret_cast<int32_t*>(flag.data());
    *cancel = bytes_.ConsumeBool() && bytes_.ConsumeBool() ? 1 : 0;

    const ClaimedStruct<moba_run_shapes> shapes(shapes_, guard);
    const int64_t width = SelectionWidth(plan, shapes.get());
    const int32_t status = Answer([&] {
      return Call(plan, shapes.get(), workspace_data, workspace_bytes, progress, cancel);
    });
    CheckOutcome(status, width, *cancel != 0);
    Expect(workspace.SurroundingsUntouched(), "nothing written beside the workspace");
    Expect(counters.SurroundingsUntouched(), "nothing written beside progress");
  }

  // What moba_selection_width says, or -1.
  int64_t SelectionWidth(const moba_plan* plan, const moba_run_shapes* shapes) const {
    int64_t width = -1;
    const int32_t status = Answer([&] {
      return moba_selection_width(plan, shapes, pointers_[kCuQ], pointers_[kCuK], &width);
    });
    Expect((status == MOBA_OK) == (width >= 1), "a width on MOBA_OK only");
    const bool routes = !valid_.Full() && valid_.config.options.top_k > 0;
    Expect(status == MOBA_OK || spoilt_ || !routes, "a width for a valid call");
    return width;
  }

  void CheckOutcome(int32_t status, int64_t width, bool cancelled) const {
    Expect(!must_fail_ || status != MOBA_OK, "a refusal");
    Expect(status == MOBA_OK || spoilt_ || cancelled, "success of a valid call");
    Expect(status != MOBA_CANCELLED || cancelled, "no stop without a cancel flag");
    for (int slot = 0; slot < kSlots; ++slot) {
      const std::optional<TensorMemory>& memory = memory_[slot].memory();
      if (!memory) continue;
      const bool may_write = IsOutput(slot) && IsUsed(slot);
      if (!may_write || (status != MOBA_OK && status != MOBA_CANCELLED)) {
        Expect(memory->Unchanged(), "inputs unchanged, and outputs of a refused call");
        continue;
      }
      Expect(memory->NothingElseWritten(), "writes to elements of outputs only");
      if (status != MOBA_OK) continue;
      Expect(memory->EveryElementWritten(), "every element of an output");
      Expect(HasDistinctElements(*Tensor(slot)), "refusal of elements that overlap");
    }
    if (status == MOBA_OK && valid_.operation != Operation::kAttendSelected &&
        shapes_.selected.ndim != 0) {
      Expect(width == shapes_.selected.shape[shapes_.selected.ndim - 1], "the width that was said");
    }
  }

  FuzzedDataProvider& bytes_;
  const Description& valid_;
  moba_plan_config config_;
  moba_run_shapes shapes_;
  bool spoilt_ = false;
  bool spoilt_config_ = false;
  bool spoilt_lengths_ = false;
  bool spoilt_selection_ = false;
  bool spoilt_workspace_ = false;
  bool o_is_q_ = false;
  int null_ = -1;
  int misplaced_ = -1;
  bool wild_ = false;
  bool must_fail_ = false;
  std::vector<DescribedMemory> memory_;
  char* pointers_[kSlots] = {};
};

}  // namespace
}  // namespace moba_test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> choices = moba_test::Prolonged(data, size);
  FuzzedDataProvider bytes(choices.data(), choices.size());
  const moba_test::Description valid(bytes);
  moba_test::Run(bytes, valid).Check();
  return 0;
}
