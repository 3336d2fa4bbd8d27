// moba_gpu_bench: times of routing, and of routing with attention, on a CUDA device, by its events.
//
//   moba_gpu_bench                                      says which device there is
//   moba_gpu_bench JSON-FILE [--seconds S] [--tokens MOST] [--heads H]
//
// 16 heads, if not said otherwise, of 128 channels in bf16. Each case alternates the two
// operations, after copies that empty the second-level cache; what counts is the median. The
// copies' own rate is printed as well.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "workload.h"

namespace moba_bench {
namespace {

constexpr int64_t kFlushBytes = int64_t{256} << 20;
constexpr int kMostRuns = 30;
constexpr int kLeastRuns = 5;

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

std::vector<Shape> Shapes(int64_t most_tokens, int64_t heads) {
  std::vector<Shape> shapes;
  const auto add = [&](int64_t tokens, int64_t block_size, int64_t top_k) {
    if (tokens > most_tokens) return;
    char name[64];
    if (block_size == 0) {
      std::snprintf(name, sizeof name, "%ldk_dense", tokens / 1024);
    } else {
      std::snprintf(name, sizeof name, "%ldk_b%ld_k%ld", tokens / 1024, block_size, top_k);
    }
    shapes.push_back({name, tokens, heads, heads, 128, block_size, top_k});
  };
  for (int64_t tokens : {1, 8, 32, 128, 512, 1024}) {
    tokens *= 1024;
    if (tokens <= 131072) add(tokens, 0, 0);
    // The peer's published shape at every length, finer and coarser blocks up to 128K.
    if (tokens <= 131072) add(tokens, 64, 16);
    add(tokens, 128, 8);
    if (tokens <= 131072) add(tokens, 256, 4);
    add(tokens, 512, 3);
    if (tokens <= 131072) add(tokens, 2048, 3);
    if (tokens >= 131072) add(tokens, 4096, 12);
  }
  return shapes;
}

class Bench {
 public:
  Bench(std::FILE* json, double seconds) : json_(json), seconds_(seconds) {
    for (Buffer* buffer : {&flush_from_, &flush_to_}) {
      buffer->FillUniform(MOBA_BF16, kFlushBytes / 2, 7);
    }
  }

  void PrintHead() const {
    std::printf("%s\n%-16s %9s %9s %9s %9s %5s\n", device_.Name().c_str(), "case", "route ms",
                "attend ms", "TFLOP/s", "copy TB/s", "runs");
  }

  void Run(const Shape& shape) {
    Workload workload(device_.engine(), shape, MOBA_BF16);
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
      return runs >= kMostRuns || (runs >= kLeastRuns && spent_ms > 1e3 * seconds_);
    };
    device_.Time(attend);  // loads what is loaded on first use, and warms up
    if (workload.BlockSparse()) device_.Time(route);
    while (!enough()) {
      sample(attend, attend_ms);
      if (workload.BlockSparse()) sample(route, route_ms);
    }
    const double attend_median = Median(attend_ms);
    const double route_median = route_ms.empty() ? 0 : Median(route_ms);
    const double tflops = workload.UsefulGflop() / attend_median;
    const double copy = 2e-9 * static_cast<double>(kFlushBytes) / Median(copy_ms);
    std::printf("%-16s %9.3f %9.3f %9.1f %9.2f %5zu\n", shape.name.c_str(), route_median,
                attend_median, tflops, copy, attend_ms.size());
    std::fflush(stdout);
    std::fprintf(json_,
                 "{\"case\": \"%s\", \"tokens\": %lld, \"heads\": %lld, \"head_dim\": %lld, "
                 "\"block_size\": %lld, \"top_k\": %lld, \"route_ms\": %.5f, \"attend_ms\": %.5f, "
                 "\"useful_gflop\": %.5f, \"copy_tbs\": %.4f, \"runs\": %zu}\n",
                 shape.name.c_str(), static_cast<long long>(shape.tokens),
                 static_cast<long long>(shape.heads), static_cast<long long>(shape.head_dim),
                 static_cast<long long>(shape.block_size), static_cast<long long>(shape.top_k),
                 route_median, attend_median, workload.UsefulGflop(), copy, attend_ms.size());
    std::fflush(json_);
  }

 private:
  void Flush() const {
    Check(moba_memory_copy(device_.engine(), flush_to_.as(), flush_from_.as(), kFlushBytes,
                           device_.stream()));
  }

  Device device_;
  Buffer flush_from_{device_.engine(), kFlushBytes};
  Buffer flush_to_{device_.engine(), kFlushBytes};
  std::FILE* json_;
  double seconds_;
};

void Main(int argc, char** argv) {
  double seconds = 1;
  int64_t most_tokens = INT64_MAX;
  int64_t heads = 16;
  if (argc == 1) {
    std::printf("%s\n", Device().Name().c_str());
    return;
  }
  if (argc % 2 != 0) throw std::invalid_argument("an option needs a value");
  for (int i = 2; i < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--seconds") {
      seconds = std::stod(argv[i + 1]);
    } else if (option == "--tokens") {
      most_tokens = std::stoll(argv[i + 1]);
    } else if (option == "--heads") {
      heads = std::stoll(argv[i + 1]);
    } else {
      throw std::invalid_argument("unknown option " + option);
    }
  }
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> json(std::fopen(argv[1], "w"));
  if (json == nullptr) throw std::runtime_error(std::string("cannot write ") + argv[1]);
  Bench bench(json.get(), seconds);
  bench.PrintHead();
  for (const Shape& shape : Shapes(most_tokens, heads)) bench.Run(shape);
}

}  // namespace
}  // namespace moba_bench

int main(int argc, char** argv) {
  try {
    moba_bench::Main(argc, argv);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "moba_gpu_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
