// What a benchmark case computes: tensors, plan and workspace of a run, ready to be repeated.
#ifndef MOBA_BENCH_WORKLOAD_H_
#define MOBA_BENCH_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "moba/moba.h"

namespace moba_bench {

struct Shape {
  std::string name;
  int64_t tokens;
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;
  int64_t block_size;  // 0: full attention
  int64_t top_k;
  int64_t queries = 0;  // of the last tokens; 0: of all
  bool causal = true;   // always, where blocks are chosen

  int64_t Queries() const { return queries == 0 ? tokens : queries; }
};

// Memory where an engine computes: of its device, or of the processor, zeroed.
class Buffer {
 public:
  Buffer(const moba_engine* engine, int64_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  template <typename T = void>
  T* as() const {
    return static_cast<T*>(address_);
  }
  bool OnDevice() const { return on_device_; }
  // Uniform values in [-1, 1), with bits that fp32, fp16 and bf16 all hold, from all processors.
  void FillUniform(int32_t dtype, int64_t count, uint32_t seed);

 private:
  const moba_engine* engine_;
  bool on_device_;
  void* address_ = nullptr;
};

// Attention over one sequence of uniformly distributed values. Throws with the library's sentence
// on any failure.
class Workload {
 public:
  // With several copies of the keys and values each run takes the next one: a short sequence then
  // comes from memory as well.
  Workload(const moba_engine* engine, const Shape& shape, int32_t dtype, int64_t copies = 1);

  // On a device they are enqueued in the stream.
  void Attend(void* stream = nullptr);
  void Route(void* stream = nullptr);  // block-sparse only

  bool BlockSparse() const { return shape_.block_size > 0; }
  // Which kernels serve it, in words.
  std::string Kernels() const;
  // 2 (D + Dv) per visible, selected pair.
  double UsefulGflop() const;
  // 2 D per score of a query and the centroid of a block before its own.
  double UsefulRouteGflop() const;
  // Bytes that the latest run could not do without, each counted once: all keys (their means are
  // wanted, where blocks are chosen), and the values of the blocks that some head of the group
  // reads. On the processor only, with one query.
  double DecodeBytes() const;

 private:
  struct DestroyPlan {
    void operator()(moba_plan* plan) const { moba_plan_destroy(plan); }
  };

  Shape shape_;
  int32_t dtype_;
  int64_t copies_;
  int64_t kv_bytes_;  // of one copy of k, and of v
  int64_t copy_ = 0;
  std::unique_ptr<moba_plan, DestroyPlan> plan_;
  int64_t workspace_bytes_;
  moba_run_shapes shapes_ = {};
  Buffer q_, k_, v_, o_, lse_, selected_, workspace_;
};

// Throws std::runtime_error with moba_last_error() unless status is MOBA_OK.
void Check(int32_t status);

}  // namespace moba_bench

#endif  // MOBA_BENCH_WORKLOAD_H_
