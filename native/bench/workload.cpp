#include "workload.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <stdexcept>

namespace moba_bench {
namespace {

int64_t ElementSize(int32_t dtype) { return dtype == MOBA_F32 ? 4 : 2; }

moba_tensor Describe(int32_t dtype, std::vector<int64_t> shape) {
  moba_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.dtype = dtype;
  tensor.ndim = static_cast<int32_t>(shape.size());
  tensor.device_type = MOBA_DEVICE_CPU;
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0; stride *= shape[i]) {
    tensor.shape[i] = shape[i];
    tensor.stride[i] = stride;
  }
  return tensor;
}

// Uniform values in [-1, 1), with bits that fp32, fp16 and bf16 all hold.
void FillUniform(void* memory, int32_t dtype, int64_t count, uint32_t seed) {
  std::minstd_rand random(seed);
  for (int64_t i = 0; i < count; ++i) {
    const int32_t step = static_cast<int32_t>(random() >> 8 & 0xff) - 128;
    const float value = static_cast<float>(step) / 128.0f;
    if (dtype == MOBA_F32) {
      static_cast<float*>(memory)[i] = value;
    } else {
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      const uint32_t f16 = (bits >> 16 & 0x8000) |
                           (value == 0 ? 0 : ((bits >> 23 & 0xff) - 112) << 10) |
                           (bits >> 13 & 0x3ff);
      static_cast<uint16_t*>(memory)[i] =
          static_cast<uint16_t>(dtype == MOBA_F16 ? f16 : bits >> 16);
    }
  }
}

}  // namespace

void Check(int32_t status) {
  if (status == MOBA_OK) return;
  throw std::runtime_error(std::string(moba_status_name(status)) + ": " + moba_last_error());
}

void Workload::FreeAligned::operator()(void* memory) const { std::free(memory); }

Workload::Memory Workload::Allocate(int64_t bytes) {
  const size_t size = static_cast<size_t>((bytes + 63) / 64 * 64);
  Memory memory(std::aligned_alloc(64, std::max<size_t>(size, 64)));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory.get(), 0, size);
  return memory;
}

Workload::Workload(const moba_engine* engine, const Shape& shape, int32_t dtype) : shape_(shape) {
  const int64_t n = shape.tokens;
  const int64_t width = std::max<int64_t>(
      1, BlockSparse() ? std::min(shape.top_k, (n + shape.block_size - 1) / shape.block_size) : 1);
  moba_plan_config config = {};
  config.struct_size = sizeof config;
  config.dtype = dtype;
  config.num_heads = shape.heads;
  config.num_kv_heads = shape.kv_heads;
  config.head_dim = config.head_dim_v = shape.head_dim;
  config.max_tokens_q = config.max_tokens_k = n;
  config.max_sequences = 1;
  moba_options_init(&config.options);
  config.options.attention = BlockSparse() ? MOBA_ATTENTION_BLOCK_SPARSE : MOBA_ATTENTION_FULL;
  config.options.block_size = shape.block_size;
  config.options.top_k = shape.top_k;
  Check(moba_plan_create(engine, &config, &plan_));
  Check(moba_plan_workspace_bytes(plan_, &workspace_bytes_));
  workspace_ = Allocate(workspace_bytes_);

  const int64_t q_count = n * shape.heads * shape.head_dim;
  const int64_t k_count = n * shape.kv_heads * shape.head_dim;
  q_ = Allocate(q_count * ElementSize(dtype));
  k_ = Allocate(k_count * ElementSize(dtype));
  v_ = Allocate(k_count * ElementSize(dtype));
  o_ = Allocate(q_count * ElementSize(dtype));
  lse_ = Allocate(n * shape.heads * 4);
  selected_ = Allocate(n * shape.heads * width * 4);
  FillUniform(q_.get(), dtype, q_count, 1);
  FillUniform(k_.get(), dtype, k_count, 2);
  FillUniform(v_.get(), dtype, k_count, 3);

  shapes_.struct_size = sizeof shapes_;
  shapes_.q = shapes_.o = Describe(dtype, {n, shape.heads, shape.head_dim});
  shapes_.k = shapes_.v = Describe(dtype, {n, shape.kv_heads, shape.head_dim});
  shapes_.lse = Describe(MOBA_F32, {n, shape.heads});
  if (BlockSparse()) shapes_.selected = Describe(MOBA_I32, {n, shape.heads, width});
  for (moba_tensor* absent : {&shapes_.cu_seqlens_q, &shapes_.cu_seqlens_k}) {
    absent->struct_size = sizeof *absent;
  }
  if (!BlockSparse()) shapes_.selected.struct_size = sizeof shapes_.selected;
}

Workload::~Workload() { moba_plan_destroy(plan_); }

void Workload::Attend() {
  Check(moba_attend(plan_, &shapes_, q_.get(), k_.get(), v_.get(), nullptr, nullptr, o_.get(),
                    static_cast<float*>(lse_.get()), static_cast<int32_t*>(selected_.get()),
                    workspace_.get(), workspace_bytes_, nullptr, nullptr, nullptr));
}

void Workload::Route() {
  Check(moba_route(plan_, &shapes_, q_.get(), k_.get(), nullptr, nullptr,
                   static_cast<int32_t*>(selected_.get()), workspace_.get(), workspace_bytes_,
                   nullptr, nullptr, nullptr));
}

double Workload::UsefulGflop() const {
  // Causal, and as many keys as queries: a query sees its part of its own block and all of
  // min(K, own + 1) - 1 earlier blocks.
  double pairs = 0;
  for (int64_t i = 0; i < shape_.tokens; ++i) {
    if (!BlockSparse()) {
      pairs += static_cast<double>(i + 1);
      continue;
    }
    const int64_t own = i / shape_.block_size;
    const int64_t earlier = std::min(shape_.top_k - 1, own);
    pairs += static_cast<double>(i - own * shape_.block_size + 1 + earlier * shape_.block_size);
  }
  return 4.0 * static_cast<double>(shape_.head_dim * shape_.heads) * pairs / 1e9;
}

}  // namespace moba_bench
