#include "peak.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "moba/moba.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define MOBA_BENCH_HOLD(vector) asm volatile("" : "+v"(vector))
#else
#define MOBA_BENCH_HOLD(vector) asm volatile("" : "+w"(vector))
#endif

namespace moba_bench {
namespace {

// Enough to cover a latency of 4 to 6 cycles at two instructions per cycle.
constexpr int kAccumulators = 12;
constexpr int64_t kIterations = 300'000;  // 1 to 2 ms at 2 to 4 GHz
constexpr int64_t kSliceBytes = int64_t{64} << 20;

// They start with different values and pass through an empty asm statement in each step, or the
// compiler would merge them and show a false peak. Inlined into a function for each target.
template <typename Vector>
struct Accumulators {
  Vector c[kAccumulators];

  [[gnu::always_inline]] Accumulators() {
#pragma GCC unroll 16
    for (int i = 0; i < kAccumulators; ++i) c[i] = Vector{} + static_cast<float>(i);
  }
  [[gnu::always_inline]] float Sum() const {
    Vector sum = {};
#pragma GCC unroll 16
    for (int i = 0; i < kAccumulators; ++i) sum += c[i];
    return sum[0];
  }
};

template <typename Vector>
[[gnu::always_inline]] inline float MultiplyAndAdd() {
  Accumulators<Vector> sums;
  const Vector factor = Vector{} + 0.9999f;
  for (int64_t n = 0; n < kIterations; ++n) {
#pragma GCC unroll 16
    for (int i = 0; i < kAccumulators; ++i) {
      sums.c[i] = sums.c[i] * factor + factor;
      MOBA_BENCH_HOLD(sums.c[i]);
    }
  }
  return sums.Sum();
}

template <typename Vector>
[[gnu::always_inline]] inline float AddUp(const char* data, int64_t bytes) {
  constexpr int64_t kStep = kAccumulators * sizeof(Vector);
  Accumulators<Vector> sums;
  for (const char* const end = data + bytes; end - data >= kStep; data += kStep) {
#pragma GCC unroll 16
    for (int i = 0; i < kAccumulators; ++i) {
      sums.c[i] += reinterpret_cast<const Vector*>(data)[i];
      MOBA_BENCH_HOLD(sums.c[i]);
    }
  }
  return sums.Sum();
}

struct Loops {
  float (*multiply_and_add)();
  float (*add_up)(const char* data, int64_t bytes);
  int lanes;
};

typedef float Vector128 __attribute__((vector_size(16)));
float MultiplyAndAdd128() { return MultiplyAndAdd<Vector128>(); }
float AddUp128(const char* data, int64_t bytes) { return AddUp<Vector128>(data, bytes); }

#if defined(__x86_64__)
typedef float Vector256 __attribute__((vector_size(32)));
__attribute__((target("avx2,fma"))) float MultiplyAndAdd256() {
  return MultiplyAndAdd<Vector256>();
}
__attribute__((target("avx2,fma"))) float AddUp256(const char* data, int64_t bytes) {
  return AddUp<Vector256>(data, bytes);
}

typedef float Vector512 __attribute__((vector_size(64)));
__attribute__((target("avx512f"))) float MultiplyAndAdd512() { return MultiplyAndAdd<Vector512>(); }
__attribute__((target("avx512f"))) float AddUp512(const char* data, int64_t bytes) {
  return AddUp<Vector512>(data, bytes);
}

__attribute__((target("avx512f,avx512bf16"))) float DotBf16() {
  Accumulators<Vector512> sums;
  const __m512bh factor = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.5f));
  for (int64_t n = 0; n < kIterations; ++n) {
#pragma GCC unroll 16
    for (int i = 0; i < kAccumulators; ++i) {
      sums.c[i] = _mm512_dpbf16_ps(sums.c[i], factor, factor);
      MOBA_BENCH_HOLD(sums.c[i]);
    }
  }
  return sums.Sum();
}
#endif

Loops LoopsOf(int32_t cpu_target) {
#if defined(__x86_64__)
  if (cpu_target == MOBA_CPU_AVX512) return {MultiplyAndAdd512, AddUp512, 16};
  if (cpu_target == MOBA_CPU_AVX2) return {MultiplyAndAdd256, AddUp256, 8};
#else
  (void)cpu_target;
#endif
  return {MultiplyAndAdd128, AddUp128, 4};
}

// Giga of whatever `work(thread)` does `amount` of, per second of all threads together.
template <typename Work>
double GigaPerSecond(int threads, Clock clock, double amount, const Work& work) {
  std::vector<float> sinks(static_cast<size_t>(threads));
  std::vector<double> seconds(static_cast<size_t>(threads));
  std::atomic<int> waiting = threads;
  const auto run = [&](int thread) {
    // All threads start together; each times its own loop.
    --waiting;
    while (waiting.load() > 0) {
    }
    const Stopwatch stopwatch = Stopwatch::OfThread(clock);
    sinks[static_cast<size_t>(thread)] = work(thread);
    seconds[static_cast<size_t>(thread)] = stopwatch.Seconds();
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
  run(0);
  for (std::thread& other : others) other.join();
  double rate = 0;
  for (double s : seconds) rate += amount / s;
  return rate / 1e9;
}

}  // namespace

double MeasureFmaPeak(int32_t cpu_target, int threads, Clock clock) {
  const Loops loops = LoopsOf(cpu_target);
  const double flops = 2.0 * kAccumulators * loops.lanes * kIterations;
  return GigaPerSecond(threads, clock, flops, [&](int) { return loops.multiply_and_add(); });
}

double MeasureBf16Peak(int32_t cpu_target, int threads, Clock clock) {
#if defined(__x86_64__)
  if (cpu_target == MOBA_CPU_AVX512 && __builtin_cpu_supports("avx512bf16")) {
    constexpr double kFlops = 4.0 * kAccumulators * 16 * kIterations;
    return GigaPerSecond(threads, clock, kFlops, [](int) { return DotBf16(); });
  }
#else
  (void)cpu_target, (void)threads, (void)clock;
#endif
  return 0;
}

ReadPeak::ReadPeak(const moba_engine* engine, int32_t cpu_target, int threads, Clock clock)
    : cpu_target_(cpu_target), threads_(threads), clock_(clock), buffer_(engine, kBytes) {}

double ReadPeak::MeasureGigabytesPerSecond() {
  // Whole steps of the widest vectors.
  constexpr int64_t kStep = kAccumulators * sizeof(float) * 16;
  const int64_t bytes = std::min(kSliceBytes, kBytes / threads_) / kStep * kStep;
  if ((next_slice_ + threads_) * bytes > kBytes) next_slice_ = 0;
  const char* const slice = buffer_.as<char>() + next_slice_ * bytes;
  next_slice_ += threads_;
  const Loops loops = LoopsOf(cpu_target_);
  return GigaPerSecond(threads_, clock_, static_cast<double>(bytes),
                       [&](int thread) { return loops.add_up(slice + thread * bytes, bytes); });
}

}  // namespace moba_bench
