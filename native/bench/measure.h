// Times of a run on a machine that others use as well: between the runs stand slices of yardsticks,
// and runs beside a slow slice are left out.
#ifndef MOBA_BENCH_MEASURE_H_
#define MOBA_BENCH_MEASURE_H_

#include <functional>
#include <vector>

#include "stopwatch.h"

namespace moba_bench {

struct Yardstick {
  std::function<double()> measure;  // a rate
  double steady;                    // a slice below this share of the best was disturbed
};

struct Measured {
  double seconds;             // of the best run beside undisturbed slices, if there was one
  std::vector<double> rates;  // the best of each yardstick
  bool steady;
  int runs;
};

// Alternates slices and runs for so many seconds, and up to five times that for three runs.
Measured Measure(const std::function<void()>& run, const std::vector<Yardstick>& yardsticks,
                 double seconds, Clock clock, int threads);

}  // namespace moba_bench

#endif  // MOBA_BENCH_MEASURE_H_
