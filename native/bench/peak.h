// What the processor can do at best: multiply and add, multiply bf16 pairs, read memory. Measures
// for kernels that run beside them.
#ifndef MOBA_BENCH_PEAK_H_
#define MOBA_BENCH_PEAK_H_

#include <cstdint>

#include "stopwatch.h"
#include "workload.h"

namespace moba_bench {

// `cpu_target` (enum moba_cpu_target, not AUTO) says how wide vectors are. All threads begin
// together; each of the first two takes about two milliseconds.

// GFLOP/s of threads that do nothing but multiply and add fp32.
double MeasureFmaPeak(int32_t cpu_target, int threads, Clock clock);

// GFLOP/s of threads that do nothing but vdpbf16ps, which adds two products of bf16 to each fp32
// lane; 0 where the processor or the target lacks it.
double MeasureBf16Peak(int32_t cpu_target, int threads, Clock clock);

// How fast vectors come from memory: threads add up what lies in their shares of a buffer, a slice
// of it in each measurement, so that what is read was last read a whole round of the buffer ago.
class ReadPeak {
 public:
  // Four times the largest cache that was met (260 MiB), so that a round leaves nothing in it.
  static constexpr int64_t kBytes = int64_t{1} << 30;

  ReadPeak(const moba_engine* engine, int32_t cpu_target, int threads, Clock clock);

  double MeasureGigabytesPerSecond();

 private:
  int32_t cpu_target_;
  int threads_;
  Clock clock_;
  int64_t next_slice_ = 0;
  Buffer buffer_;
};

}  // namespace moba_bench

#endif  // MOBA_BENCH_PEAK_H_
