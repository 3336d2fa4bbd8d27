// moba_gpu_bench: times of routing, and of routing with attention, on a CUDA device, by its events.
//
//   moba_gpu_bench                            says which device there is
//   moba_gpu_bench [--seconds S] CASE...      one JSON object a line for each case
//   moba_gpu_bench [--seconds S] -            cases from standard input, one a line, as they come
//
// A case is TOKENS,HEADS,BLOCK_SIZE,TOP_K; a block size of 0 is full attention. Heads have 128
// channels in bf16, or, with ,HEAD_DIM,f16 behind that, others in fp16. Each case alternates the
// two operations, after copies that empty the second-level cache; what counts is the median. The
// copies' own rate is in the result as well, and which kernels served (moba_plan_get_info).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "workload.h"

namespace moba_bench {
namespace {

constexpr int64_t kFlushBytes = int64_t{256} << 20;
constexpr int kMostRuns = 30;
constexpr int kLeastRuns = 5;
constexpr double kLongest = 10;  // seconds, after which fewer runs will do

class Device {
 public:
  Device() {
    moba_engine_options options = {};
    options.struct_size = sizeof options;
    options.backend = MOBA_BACKEND_CUDA;
    Check(moba_engine_create(&options, &engine_));
    Check(moba_stream_create(engine_, &stream_));
    Check(moba_event_create(engine_, &start_));
    Check(moba_event_create(engine_, &end_));
  }
  ~Device() {
    moba_event_destroy(engine_, end_);
    moba_event_destroy(engine_, start_);
    moba_stream_destroy(engine_, stream_);
    moba_engine_destroy(engine_);
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const moba_engine* engine() const { return engine_; }
  void* stream() const { return stream_; }

  std::string Name() const {
    moba_engine_info info = {};
    info.struct_size = sizeof info;
    Check(moba_engine_get_info(engine_, &info));
    return info.device;
  }

  // Milliseconds of what `enqueue` enqueues.
  float Time(const std::function<void()>& enqueue) const {
    Check(moba_event_record(engine_, start_, stream_));
    enqueue();
    Check(moba_event_record(engine_, end_, stream_));
    Check(moba_event_synchronize(engine_, end_));
    float milliseconds = 0;
    Check(moba_event_elapsed(engine_, start_, end_, &milliseconds));
    return milliseconds;
  }

 private:
  moba_engine* engine_ = nullptr;
  void* stream_ = nullptr;
  void* start_ = nullptr;
  void* end_ = nullptr;
};

float Median(std::vector<float> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

struct Case {
  Shape shape;
  int32_t dtype;
};

Case ParseCase(const std::string& text) {
  long long tokens = 0, heads = 0, block_size = 0, top_k = 0, head_dim = 128;
  int length = 0;
  int length_f16 = 0;
  const int read = std::sscanf(text.c_str(), "%lld,%lld,%lld,%lld%n,%lld,f16%n", &tokens, &heads,
                               &block_size, &top_k, &length, &head_dim, &length_f16);
  const bool f16 = read == 5;
  const int end = f16 ? length_f16 : length;
  if (read < 4 || static_cast<size_t>(end) != text.size() || tokens < 1 || heads < 1) {
    throw std::invalid_argument(
        text + " is no case, expected TOKENS,HEADS,BLOCK_SIZE,TOP_K or more: ,HEAD_DIM,f16");
  }
  return {{text, tokens, heads, heads, head_dim, block_size, top_k}, f16 ? MOBA_F16 : MOBA_BF16};
}

class Bench {
 public:
  explicit Bench(double seconds) : seconds_(seconds) {
    for (Buffer* buffer : {&flush_from_, &flush_to_}) {
      buffer->FillUniform(MOBA_BF16, kFlushBytes / 2, 7);
    }
  }

  void Run(const Case& measured) {
    const Shape& shape = measured.shape;
    Workload workload(device_.engine(), shape, measured.dtype);
    const auto attend = [&] { workload.Attend(device_.stream()); };
    const auto route = [&] { workload.Route(device_.stream()); };
    std::vector<float> attend_ms, route_ms, copy_ms;
    double spent_ms = 0;
    const auto sample = [&](const std::function<void()>& enqueue, std::vector<float>& times) {
      copy_ms.push_back(device_.Time([&] { Flush(); }));
      times.push_back(device_.Time(enqueue));
      spent_ms += copy_ms.back() + times.back();
    };
    const auto enough = [&] {
      const int runs = static_cast<int>(attend_ms.size());
      return runs >= kMostRuns || (runs >= kLeastRuns && spent_ms > 1e3 * seconds_) ||
             spent_ms > 1e3 * kLongest;
    };
    device_.Time(attend);  // loads what is loaded on first use, and warms up
    if (workload.BlockSparse()) device_.Time(route);
    while (!enough()) {
      sample(attend, attend_ms);
      if (workload.BlockSparse()) sample(route, route_ms);
    }
    const double copy = 2e-9 * static_cast<double>(kFlushBytes) / Median(copy_ms);
    std::printf(
        "{\"tokens\": %lld, \"heads\": %lld, \"head_dim\": %lld, \"block_size\": %lld, "
        "\"top_k\": %lld, \"route_ms\": %.5f, \"attend_ms\": %.5f, \"useful_gflop\": %.5f, "
        "\"copy_tbs\": %.4f, \"runs\": %zu, \"kernels\": \"%s\"}\n",
        static_cast<long long>(shape.tokens), static_cast<long long>(shape.heads),
        static_cast<long long>(shape.head_dim), static_cast<long long>(shape.block_size),
        static_cast<long long>(shape.top_k), route_ms.empty() ? 0 : Median(route_ms),
        Median(attend_ms), workload.UsefulGflop(), copy, attend_ms.size(),
        workload.Kernels().c_str());
    std::fflush(stdout);
  }

 private:
  void Flush() const {
    Check(moba_memory_copy(device_.engine(), flush_to_.as(), flush_from_.as(), kFlushBytes,
                           device_.stream()));
  }

  Device device_;
  Buffer flush_from_{device_.engine(), kFlushBytes};
  Buffer flush_to_{device_.engine(), kFlushBytes};
  double seconds_;
};

void Main(std::vector<std::string> arguments) {
  if (arguments.empty()) {
    std::printf("%s\n", Device().Name().c_str());
    return;
  }
  double seconds = 1;
  if (arguments.size() > 2 && arguments[0] == "--seconds") {
    seconds = std::stod(arguments[1]);
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  Bench bench(seconds);
  if (arguments[0] != "-") {
    for (const std::string& argument : arguments) bench.Run(ParseCase(argument));
    return;
  }
  for (std::string line; std::getline(std::cin, line);) bench.Run(ParseCase(line));
}

}  // namespace
}  // namespace moba_bench

int main(int argc, char** argv) {
  try {
    moba_bench::Main({argv + 1, argv + argc});
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "moba_gpu_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
