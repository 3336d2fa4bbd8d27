// An engine of the processor, for as long as a benchmark needs it.
#ifndef MOBA_BENCH_ENGINE_H_
#define MOBA_BENCH_ENGINE_H_

#include <cstdint>

#include "moba/moba.h"
#include "workload.h"

namespace moba_bench {

class Engine {
 public:
  Engine(int32_t target, int threads) {
    moba_engine_options options = {};
    options.struct_size = sizeof options;
    options.backend = MOBA_BACKEND_CPU;
    options.cpu_target = target;
    options.num_threads = threads;
    Check(moba_engine_create(&options, &engine_));
    info.struct_size = sizeof info;
    Check(moba_engine_get_info(engine_, &info));
  }
  ~Engine() { moba_engine_destroy(engine_); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  const moba_engine* get() const { return engine_; }

  moba_engine_info info = {};

 private:
  moba_engine* engine_ = nullptr;
};

}  // namespace moba_bench

#endif  // MOBA_BENCH_ENGINE_H_
