// One benchmark case: tensors, plan and workspace of a run, ready to be repeated.
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
};

// Causal attention over one sequence of uniformly distributed values. Throws with the library's
// sentence on any failure.
class Workload {
 public:
  Workload(const moba_engine* engine, const Shape& shape, int32_t dtype);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  void Attend();
  void Route();  // block-sparse only

  bool BlockSparse() const { return shape_.block_size > 0; }
  // 2 (D + Dv) per visible, selected pair.
  double UsefulGflop() const;

 private:
  struct FreeAligned {
    void operator()(void* memory) const;
  };
  using Memory = std::unique_ptr<void, FreeAligned>;
  static Memory Allocate(int64_t bytes);

  Shape shape_;
  moba_plan* plan_ = nullptr;
  moba_run_shapes shapes_ = {};
  Memory q_, k_, v_, o_, lse_, selected_, workspace_;
  int64_t workspace_bytes_ = 0;
};

// Throws std::runtime_error with moba_last_error() unless status is MOBA_OK.
void Check(int32_t status);

}  // namespace moba_bench

#endif  // MOBA_BENCH_WORKLOAD_H_
