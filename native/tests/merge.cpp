#include "merge.h"

#include "engines.h"

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

int32_t Merge::Run(const moba_engine* engine, void* stream) {
  PlaceOn(engine, {&shapes.o_a, &shapes.lse_a, &shapes.o_b, &shapes.lse_b, &shapes.o, &shapes.lse});
  return moba_merge_states(engine, &shapes, o_a.origin(),
                           reinterpret_cast<const float*>(lse_a.origin()), o_b.origin(),
                           reinterpret_cast<const float*>(lse_b.origin()), o.origin(),
                           reinterpret_cast<float*>(lse.origin()), stream);
}

}  // namespace moba_test
