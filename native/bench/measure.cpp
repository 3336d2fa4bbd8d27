#include "measure.h"

#include <algorithm>

namespace moba_bench {
namespace {

struct Sample {
  double seconds;
  std::vector<double> rates;  // the lower of the slices before and after
};

}  // namespace

Measured Measure(const std::function<void()>& run, const std::vector<Yardstick>& yardsticks,
                 double seconds, Clock clock, int threads) {
  const auto slices = [&] {
    std::vector<double> rates;
    for (const Yardstick& yardstick : yardsticks) rates.push_back(yardstick.measure());
    return rates;
  };
  std::vector<Sample> samples;
  std::vector<double> before = slices();
  std::vector<double> best = before;
  const Stopwatch total = Stopwatch::OfProcess(Clock::kWall, 1);
  do {
    const Stopwatch stopwatch = Stopwatch::OfProcess(clock, threads);
    run();
    samples.push_back({stopwatch.Seconds(), before});
    before = slices();
    for (size_t i = 0; i < best.size(); ++i) {
      samples.back().rates[i] = std::min(samples.back().rates[i], before[i]);
      best[i] = std::max(best[i], before[i]);
    }
  } while (total.Seconds() < seconds || (samples.size() < 3 && total.Seconds() < 5 * seconds));
  const auto disturbed = [&](const Sample& sample) {
    for (size_t i = 0; i < best.size(); ++i) {
      if (sample.rates[i] < yardsticks[i].steady * best[i]) return true;
    }
    return false;
  };
  const bool steady = !std::all_of(samples.begin(), samples.end(), disturbed);
  const int runs = static_cast<int>(samples.size());
  if (steady) std::erase_if(samples, disturbed);
  const auto faster = [](const Sample& a, const Sample& b) { return a.seconds < b.seconds; };
  return {std::min_element(samples.begin(), samples.end(), faster)->seconds, best, steady, runs};
}

}  // namespace moba_bench
