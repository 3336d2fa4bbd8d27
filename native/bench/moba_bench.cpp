// moba_bench: how much of the processor's multiply-add rate attention reaches, and of its memory's
// read rate where that is what limits it, the rates being measured between the runs of the same
// seconds.
//
//   moba_bench [--case REGEX] [--threads N] [--target baseline|avx2|avx512|neon]
//              [--dtype f32,f16,bf16] [--seconds S] [--clock wall|cpu] [--json FILE]
//
// Runs beside a slice of the multiply-add loop below 97 % of the best (another tenant, a lower
// clock) are left out; of the others the best counts. A ~ marks a case that was never undisturbed.
// Routing is in the time of attention, but not in its GFLOP/s.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>

#include "arguments.h"
#include "cases.h"
#include "engine.h"
#include "measure.h"
#include "peak.h"
#include "peak_memory.h"
#include "record.h"
#include "workload.h"

namespace moba_bench {
namespace {

// Copies of keys and values, all of which a run has read before the first one's turn comes again.
int64_t CopiesOf(const Case& measured_case, int32_t dtype) {
  const Shape& shape = measured_case.shape;
  if (!measured_case.Decode()) return 1;
  const int64_t bytes =
      2 * shape.tokens * shape.kv_heads * shape.head_dim * (dtype == MOBA_F32 ? 4 : 2);
  return std::max<int64_t>(1, ReadPeak::kBytes / bytes);
}

Record RunCase(const Arguments& arguments, const Engine& engine, const Case& measured_case,
               int32_t dtype) {
  const int32_t target = engine.info.cpu_target;
  const int threads = arguments.threads;
  const Clock clock = arguments.clock;
  RestartPeakMemory();
  Workload workload(engine.get(), measured_case.shape, dtype, CopiesOf(measured_case, dtype));
  const auto run = [&] { return measured_case.route ? workload.Route() : workload.Attend(); };
  run();
  Record record = {};
  record.measured_case = measured_case;
  record.dtype = dtype;
  record.useful_gflop = measured_case.route ? workload.UsefulRouteGflop() : workload.UsefulGflop();
  record.peak_bytes = PeakMemoryBytes();

  std::vector<Yardstick> yardsticks;
  yardsticks.push_back({[&] { return MeasureFmaPeak(target, threads, clock); }, 0.97});
  std::optional<ReadPeak> read;
  if (measured_case.Decode()) {
    record.bytes = workload.DecodeBytes();
    read.emplace(engine.get(), target, threads, clock);
    yardsticks.push_back({[&] { return read->MeasureGigabytesPerSecond(); }, 0.9});
  } else if (dtype == MOBA_BF16) {
    yardsticks.push_back({[&] { return MeasureBf16Peak(target, threads, clock); }, 0.97});
  }
  record.measured = Measure(run, yardsticks, arguments.seconds, clock, threads);
  record.peak_gflops = record.measured.rates[0];
  if (measured_case.Decode()) {
    record.read_gigabytes_per_second = record.measured.rates[1];
  } else if (dtype == MOBA_BF16) {
    record.bf16_peak_gflops = record.measured.rates[1];
  }
  return record;
}

void Main(int argc, char** argv) {
  const Arguments arguments = ParseArguments(argc, argv);
  const Engine engine(arguments.target, arguments.threads);
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> json;
  if (!arguments.json.empty()) {
    json.reset(std::fopen(arguments.json.c_str(), "w"));
    if (json == nullptr) throw std::runtime_error("cannot write " + arguments.json);
  }
  PrintHead(engine.info, arguments);
  for (const Case& measured_case : Cases()) {
    if (!std::regex_search(measured_case.shape.name, arguments.cases)) continue;
    for (const int32_t dtype : arguments.dtypes) {
      const Record record = RunCase(arguments, engine, measured_case, dtype);
      Print(record);
      if (json != nullptr) WriteJson(record, engine.info, arguments, json.get());
    }
  }
}

}  // namespace
}  // namespace moba_bench

int main(int argc, char** argv) {
  try {
    moba_bench::Main(argc, argv);
    return EXIT_SUCCESS;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "moba_bench: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "moba_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
