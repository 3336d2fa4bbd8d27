#include "merge.h"

namespace moba_test {
namespace {

TensorMemory Values(int32_t dtype, int64_t tokens, int64_t heads, int64_t dim, int64_t gap,
                    Guard guard) {
  const int64_t head = dim + gap;
  return TensorMemory(dtype, {tokens, heads, dim}, {heads * head + gap, head, 1}, guard);
}

TensorMemory Rows(int64_t tokens, int64_t heads, int64_t gap, Guard guard) {
  return TensorMemory(MOBA_F32, {tokens, heads}, {heads * (1 + gap) + gap, 1 + gap}, guard);
}

void FillNormal(TensorMemory& memory, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::vector<double> values(memory.Values().size());
  for (double& value : values) value = normal(random);
  memory.Fill(values);
}

}  // namespace

Merge::Merge(int32_t dtype, int64_t tokens, int64_t heads, int64_t dim, int64_t gap, Guard guard)
    : o_a(Values(dtype, tokens, heads, dim, gap, guard)),
      lse_a(Rows(tokens, heads, gap, guard)),
      o_b(Values(dtype, tokens, heads, dim, gap, guard)),
      lse_b(Rows(tokens, heads, gap, guard)),
      o(Values(dtype, tokens, heads, dim, gap, guard)),
      lse(Rows(tokens, heads, gap, guard)) {
  shapes.struct_size = sizeof shapes;
  shapes.o_a = o_a.Describe();
  shapes.lse_a = lse_a.Describe();
  shapes.o_b = o_b.Describe();
  shapes.lse_b = lse_b.Describe();
  shapes.o = o.Describe();
  shapes.lse = lse.Describe();
}

void Merge::FillInputs(std::mt19937_64& random) {
  for (TensorMemory* input : {&o_a, &lse_a, &o_b, &lse_b}) FillNormal(*input, random);
}

void Merge::PlaceOn(const moba_engine* engine) {
  placement.MoveTo(
      engine, {&shapes.o_a, &shapes.lse_a, &shapes.o_b, &shapes.lse_b, &shapes.o, &shapes.lse});
  if (!placement.empty()) return;
  for (const TensorMemory* tensor : {&o_a, &lse_a, &o_b, &lse_b, &o, &lse}) {
    placement.Add(tensor->memory());
  }
}

int32_t Merge::Run(const moba_engine* engine) {
  PlaceOn(engine);
  placement.Upload();
  const int32_t status = Enqueue(engine, nullptr);
  if (status == MOBA_OK) placement.Download();
  return status;
}

int32_t Merge::Enqueue(const moba_engine* engine, void* stream) const {
  const auto values = [&](const TensorMemory& tensor) {
    return placement.Address(tensor.origin());
  };
  const auto rows = [&](const TensorMemory& tensor) {
    return reinterpret_cast<float*>(values(tensor));
  };
  return moba_merge_states(engine, &shapes, values(o_a), rows(lse_a), values(o_b), rows(lse_b),
                           values(o), rows(lse), stream);
}

}  // namespace moba_test
