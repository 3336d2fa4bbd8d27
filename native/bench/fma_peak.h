// The processor's fp32 multiply-add rate, as a measure for kernels that run beside it.
#ifndef MOBA_BENCH_FMA_PEAK_H_
#define MOBA_BENCH_FMA_PEAK_H_

#include <cstdint>

#include "stopwatch.h"

namespace moba_bench {

// GFLOP/s of `threads` threads that do nothing but multiply and add, in the widest vectors of
// `cpu_target` (enum moba_cpu_target, not AUTO), for about two milliseconds.
double MeasureFmaPeak(int32_t cpu_target, int threads, Clock clock);

}  // namespace moba_bench

#endif  // MOBA_BENCH_FMA_PEAK_H_
