#include "workload.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

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

void FillPart(char* memory, int32_t dtype, int64_t count, uint32_t seed) {
  std::minstd_rand random(seed);
  for (int64_t i = 0; i < count; ++i) {
    const int32_t step = static_cast<int32_t>(random() >> 8 & 0xff) - 128;
    const float value = static_cast<float>(step) / 128.0f;
    if (dtype == MOBA_F32) {
      reinterpret_cast<float*>(memory)[i] = value;
    } else {
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      const uint32_t f16 = (bits >> 16 & 0x8000) |
                           (value == 0 ? 0 : ((bits >> 23 & 0xff) - 112) << 10) |
                           (bits >> 13 & 0x3ff);
      reinterpret_cast<uint16_t*>(memory)[i] =
          static_cast<uint16_t>(dtype == MOBA_F16 ? f16 : bits >> 16);
    }
  }
}

bool HasDevice(const moba_engine* engine) {
  moba_engine_info info = {};
  info.struct_size = sizeof info;
  Check(moba_engine_get_info(engine, &info));
  return info.backend == MOBA_BACKEND_CUDA;
}

int64_t SelectionWidth(const Shape& shape) {
  if (shape.block_size == 0) return 1;
  return std::min(shape.top_k, (shape.tokens + shape.block_size - 1) / shape.block_size);
}

moba_plan* MakePlan(const moba_engine* engine, const Shape& shape, int32_t dtype) {
  moba_plan_config config = {};
  config.struct_size = sizeof config;
  config.dtype = dtype;
  config.num_heads = shape.heads;
  config.num_kv_heads = shape.kv_heads;
  config.head_dim = config.head_dim_v = shape.head_dim;
  config.max_tokens_q = shape.Queries();
  config.max_tokens_k = shape.tokens;
  config.max_sequences = 1;
  moba_options_init(&config.options);
  config.options.attention =
      shape.block_size > 0 ? MOBA_ATTENTION_BLOCK_SPARSE : MOBA_ATTENTION_FULL;
  config.options.causal = shape.causal;
  config.options.block_size = shape.block_size;
  config.options.top_k = shape.top_k;
  moba_plan* plan = nullptr;
  Check(moba_plan_create(engine, &config, &plan));
  return plan;
}

int64_t WorkspaceBytes(const moba_plan* plan) {
  int64_t bytes = 0;
  Check(moba_plan_workspace_bytes(plan, &bytes));
  return bytes;
}

}  // namespace

void Check(int32_t status) {
  if (status == MOBA_OK) return;
  throw std::runtime_error(std::string(moba_status_name(status)) + ": " + moba_last_error());
}

Buffer::Buffer(const moba_engine* engine, int64_t bytes)
    : engine_(engine), on_device_(HasDevice(engine)) {
  if (on_device_) {
    Check(moba_memory_allocate(engine, MOBA_MEMORY_DEVICE, bytes, &address_));
    return;
  }
  const size_t size = static_cast<size_t>(std::max<int64_t>((bytes + 63) / 64 * 64, 64));
  address_ = std::aligned_alloc(64, size);
  if (address_ == nullptr) throw std::bad_alloc();
  std::memset(address_, 0, size);
}

Buffer::~Buffer() {
  if (on_device_) {
    moba_memory_free(engine_, MOBA_MEMORY_DEVICE, address_);
  } else {
    std::free(address_);
  }
}

void Buffer::FillUniform(int32_t dtype, int64_t count, uint32_t seed) {
  const int64_t size = ElementSize(dtype);
  std::unique_ptr<char[]> staged;
  if (on_device_) staged = std::make_unique_for_overwrite<char[]>(count * size);
  char* const values = on_device_ ? staged.get() : as<char>();
  constexpr int64_t kPart = int64_t{1} << 20;
  std::atomic<int64_t> next = 0;
  const auto fill = [&] {
    for (int64_t part; (part = next++) * kPart < count;) {
      FillPart(values + part * kPart * size, dtype, std::min(kPart, count - part * kPart),
               seed + 1000 * static_cast<uint32_t>(part));
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) {
    threads.emplace_back(fill);
  }
  threads.clear();
  if (!on_device_) return;
  Check(moba_memory_copy(engine_, address_, values, count * size, nullptr));
  Check(moba_stream_synchronize(engine_, nullptr));
}

Workload::Workload(const moba_engine* engine, const Shape& shape, int32_t dtype, int64_t copies)
    : shape_(shape),
      dtype_(dtype),
      copies_(copies),
      kv_bytes_(shape.tokens * shape.kv_heads * shape.head_dim * ElementSize(dtype)),
      plan_(MakePlan(engine, shape, dtype)),
      workspace_bytes_(WorkspaceBytes(plan_.get())),
      q_(engine, shape.Queries() * shape.heads * shape.head_dim * ElementSize(dtype)),
      k_(engine, copies * kv_bytes_),
      v_(engine, copies * kv_bytes_),
      o_(engine, shape.Queries() * shape.heads * shape.head_dim * ElementSize(dtype)),
      lse_(engine, shape.Queries() * shape.heads * 4),
      selected_(engine, shape.Queries() * shape.heads * SelectionWidth(shape) * 4),
      workspace_(engine, workspace_bytes_) {
  const int64_t kv_count = copies * kv_bytes_ / ElementSize(dtype);
  q_.FillUniform(dtype, shape.Queries() * shape.heads * shape.head_dim, 1);
  k_.FillUniform(dtype, kv_count, 2);
  v_.FillUniform(dtype, kv_count, 3);

  const int64_t n = shape.Queries();
  shapes_.struct_size = sizeof shapes_;
  shapes_.q = shapes_.o = Describe(dtype, {n, shape.heads, shape.head_dim});
  shapes_.k = shapes_.v = Describe(dtype, {shape.tokens, shape.kv_heads, shape.head_dim});
  shapes_.lse = Describe(MOBA_F32, {n, shape.heads});
  if (BlockSparse()) shapes_.selected = Describe(MOBA_I32, {n, shape.heads, SelectionWidth(shape)});
  for (moba_tensor* tensor : {&shapes_.q, &shapes_.k, &shapes_.v, &shapes_.o, &shapes_.lse,
                              &shapes_.selected, &shapes_.cu_seqlens_q, &shapes_.cu_seqlens_k}) {
    tensor->struct_size = sizeof *tensor;
    if (tensor->ndim > 0 && q_.OnDevice()) tensor->device_type = MOBA_DEVICE_CUDA;
  }
}

void Workload::Attend(void* stream) {
  const int64_t at = copy_ * kv_bytes_;
  copy_ = (copy_ + 1) % copies_;
  Check(moba_attend(plan_.get(), &shapes_, q_.as(), k_.as<char>() + at, v_.as<char>() + at, nullptr,
                    nullptr, o_.as(), lse_.as<float>(),
                    BlockSparse() ? selected_.as<int32_t>() : nullptr, workspace_.as(),
                    workspace_bytes_, stream, nullptr, nullptr));
}

void Workload::Route(void* stream) {
  Check(moba_route(plan_.get(), &shapes_, q_.as(), k_.as(), nullptr, nullptr,
                   selected_.as<int32_t>(), workspace_.as(), workspace_bytes_, stream, nullptr,
                   nullptr));
}

std::string Workload::Kernels() const {
  moba_plan_info info = {};
  info.struct_size = sizeof info;
  Check(moba_plan_get_info(plan_.get(), &info));
  return info.kernels;
}

double Workload::UsefulGflop() const {
  double pairs = 0;
  for (int64_t p = shape_.tokens - shape_.Queries(); p < shape_.tokens; ++p) {
    if (!BlockSparse()) {
      pairs += static_cast<double>(shape_.causal ? p + 1 : shape_.tokens);
      continue;
    }
    // A query sees its part of its own block and all of min(K, own + 1) - 1 earlier blocks.
    const int64_t own = p / shape_.block_size;
    const int64_t earlier = std::min(shape_.top_k - 1, own);
    pairs += static_cast<double>(p - own * shape_.block_size + 1 + earlier * shape_.block_size);
  }
  return 4.0 * static_cast<double>(shape_.head_dim * shape_.heads) * pairs / 1e9;
}

double Workload::UsefulRouteGflop() const {
  double scores = 0;
  for (int64_t p = shape_.tokens - shape_.Queries(); p < shape_.tokens; ++p) {
    scores += static_cast<double>(p / shape_.block_size);
  }
  return 2.0 * static_cast<double>(shape_.head_dim * shape_.heads) * scores / 1e9;
}

double Workload::DecodeBytes() const {
  double values = static_cast<double>(shape_.tokens * shape_.kv_heads);
  if (BlockSparse()) {
    const int64_t width = SelectionWidth(shape_);
    const int64_t group = shape_.heads / shape_.kv_heads * width;
    values = 0;
    for (int64_t kv = 0; kv < shape_.kv_heads; ++kv) {
      const int32_t* const begin = selected_.as<int32_t>() + kv * group;
      const std::set<int32_t> blocks(begin, begin + group);
      for (const int64_t block : blocks) {
        const int64_t end = std::min((block + 1) * shape_.block_size, shape_.tokens);
        values += static_cast<double>(end - block * shape_.block_size);
      }
    }
  }
  return static_cast<double>(kv_bytes_) +
         values * static_cast<double>(shape_.head_dim * ElementSize(dtype_));
}

}  // namespace moba_bench
