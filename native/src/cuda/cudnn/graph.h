// cuDNN's fused attention. The files of this folder ask cuDNN, where there is one at run time; the
// tests have others in their place, which compute the same on the processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/dtype.h"
#include "cuda/queue.h"

namespace moba::cuda::cudnn {

// `batch` sequences of the same lengths.
struct Shape {
  core::DType dtype;  // of q, k, v and o: 16 bits
  int64_t batch;
  int64_t num_heads;
  int64_t num_kv_heads;
  int64_t q_len;
  int64_t k_len;
  int64_t head_dim;
  int64_t head_dim_v;
  bool causal;  // bottom-right aligned
  float scale;
};

// Contiguous, in device memory, 16-byte aligned.
struct Tensors {
  const void* q;  // [batch, q_len, num_heads, head_dim]
  const void* k;  // [batch, k_len, num_kv_heads, head_dim]
  const void* v;  // [batch, k_len, num_kv_heads, head_dim_v]
  void* o;        // [batch, q_len, num_heads, head_dim_v]
  float* lse;     // [batch, num_heads, q_len], natural logarithm
};

// Attention of one shape, prepared: enqueueing it allocates no device memory and waits for nothing.
class Graph {
 public:
  virtual ~Graph() = default;

  // Thread-safe. `workspace`: workspace_bytes() bytes of device memory, kAlignment-aligned.
  virtual Status Enqueue(const Tensors& tensors, void* workspace, void* stream) = 0;

  const Shape& shape() const { return shape_; }
  int64_t workspace_bytes() const { return workspace_bytes_; }

  static constexpr int64_t kAlignment = 256;

 protected:
  explicit Graph(const Shape& shape) : shape_(shape) {}

  Shape shape_;
  int64_t workspace_bytes_ = 0;
};

// For the selected device. Null where there is no cuDNN, or it does not take such a shape.
std::unique_ptr<Graph> BuildGraph(const Shape& shape);

// Why there is no cuDNN; empty if there is one.
std::string Absence();

// Says who computes full attention, and, if it is not cuDNN, why.
void DescribeLibrary(char* text, size_t size);

}  // namespace moba::cuda::cudnn
