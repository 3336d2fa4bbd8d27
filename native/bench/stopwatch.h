// Seconds by the wall, or by the processor: time spent computing, for machines that others use too.
#ifndef MOBA_BENCH_STOPWATCH_H_
#define MOBA_BENCH_STOPWATCH_H_

#include <time.h>

namespace moba_bench {

enum class Clock { kWall, kCpu };

class Stopwatch {
 public:
  // Of all threads of the process; by the processor, shared evenly among `threads`.
  static Stopwatch OfProcess(Clock clock, int threads) {
    return clock == Clock::kWall ? Stopwatch(CLOCK_MONOTONIC, 1)
                                 : Stopwatch(CLOCK_PROCESS_CPUTIME_ID, threads);
  }
  // Of the calling thread.
  static Stopwatch OfThread(Clock clock) {
    return Stopwatch(clock == Clock::kWall ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, 1);
  }

  double Seconds() const { return (Now() - begin_) / share_; }

 private:
  Stopwatch(clockid_t id, int share) : id_(id), share_(share), begin_(Now()) {}

  double Now() const {
    timespec time = {};
    clock_gettime(id_, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

  clockid_t id_;
  int share_;
  double begin_;
};

}  // namespace moba_bench

#endif  // MOBA_BENCH_STOPWATCH_H_
