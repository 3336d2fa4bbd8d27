#include "fma_peak.h"

#include <atomic>
#include <thread>
#include <vector>

#include "moba/moba.h"

namespace moba_bench {
namespace {

// Enough to cover a latency of 4 to 6 cycles at two instructions per cycle.
constexpr int kAccumulators = 12;

#if defined(__x86_64__)
#define MOBA_BENCH_HOLD(vector) asm volatile("" : "+v"(vector))
#else
#define MOBA_BENCH_HOLD(vector) asm volatile("" : "+w"(vector))
#endif

// The accumulators start with different values and pass through an empty asm statement, or the
// compiler would merge them and show a false peak. Inlined into a function for each target.
template <typename Vector>
[[gnu::always_inline]] inline float MultiplyAndAdd(int64_t iterations) {
  Vector accumulators[kAccumulators];
  const Vector factor = Vector{} + 0.9999f;
#pragma GCC unroll 16
  for (int i = 0; i < kAccumulators; ++i) accumulators[i] = Vector{} + static_cast<float>(i);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (int i = 0; i < kAccumulators; ++i) {
      accumulators[i] = accumulators[i] * factor + factor;
      MOBA_BENCH_HOLD(accumulators[i]);
    }
  }
  Vector sum = {};
#pragma GCC unroll 16
  for (int i = 0; i < kAccumulators; ++i) sum += accumulators[i];
  return sum[0];
}

struct Loop {
  float (*run)(int64_t iterations);
  int lanes;
};

typedef float Vector128 __attribute__((vector_size(16)));
float Loop128(int64_t iterations) { return MultiplyAndAdd<Vector128>(iterations); }

#if defined(__x86_64__)
typedef float Vector256 __attribute__((vector_size(32)));
__attribute__((target("avx2,fma"))) float Loop256(int64_t iterations) {
  return MultiplyAndAdd<Vector256>(iterations);
}

typedef float Vector512 __attribute__((vector_size(64)));
__attribute__((target("avx512f"))) float Loop512(int64_t iterations) {
  return MultiplyAndAdd<Vector512>(iterations);
}
#endif

Loop LoopOf(int32_t cpu_target) {
#if defined(__x86_64__)
  if (cpu_target == MOBA_CPU_AVX512) return {Loop512, 16};
  if (cpu_target == MOBA_CPU_AVX2) return {Loop256, 8};
#else
  (void)cpu_target;
#endif
  return {Loop128, 4};
}

}  // namespace

double MeasureFmaPeak(int32_t cpu_target, int threads, Clock clock) {
  constexpr int64_t kIterations = 300'000;  // 1 to 2 ms at 2 to 4 GHz
  const Loop loop = LoopOf(cpu_target);
  std::vector<float> sinks(static_cast<size_t>(threads));
  std::vector<double> seconds(static_cast<size_t>(threads));
  std::atomic<int> waiting = threads;
  const auto work = [&](size_t thread) {
    // All threads start together; each times its own loop.
    --waiting;
    while (waiting.load() > 0) {
    }
    const Stopwatch stopwatch = Stopwatch::OfThread(clock);
    sinks[thread] = loop.run(kIterations);
    seconds[thread] = stopwatch.Seconds();
  };
  std::vector<std::thread> others;
  for (size_t thread = 1; thread < seconds.size(); ++thread) others.emplace_back(work, thread);
  work(0);
  for (std::thread& other : others) other.join();
  double flops = 0;
  for (double s : seconds) flops += 2.0 * kAccumulators * loop.lanes * kIterations / s;
  return flops / 1e9;
}

}  // namespace moba_bench
