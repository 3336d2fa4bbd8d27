#include "record.h"

namespace moba_bench {

void PrintHead(const moba_engine_info& engine, const Arguments& arguments) {
  std::printf("%s, %s, threads %d\n%-25s %-5s %10s %8s %7s %7s %7s %7s %7s %6s\n", engine.name,
              engine.device, arguments.threads, "case", "dtype", "ms", "GFLOP/s", "peak", "of peak",
              "GB/s", "read", "of read", "MiB");
}

void Print(const Record& record) {
  std::printf("%-25s %-5s %10.3f %8.1f %7.1f %5.1f %%", record.measured_case.shape.name.c_str(),
              NameOfDtype(record.dtype), 1e3 * record.measured.seconds, record.Gflops(),
              record.peak_gflops, 100 * record.Gflops() / record.peak_gflops);
  if (record.bytes > 0) {
    std::printf(" %7.2f %7.2f %5.1f %%", record.GigabytesPerSecond(),
                record.read_gigabytes_per_second,
                100 * record.GigabytesPerSecond() / record.read_gigabytes_per_second);
  } else if (record.bf16_peak_gflops > 0) {
    std::printf("   vdpbf16ps peak %7.1f", record.bf16_peak_gflops);
  } else {
    std::printf("%24s", "");
  }
  std::printf(" %6lld%s\n", static_cast<long long>(record.peak_bytes >> 20),
              record.measured.steady ? "" : " ~");
  std::fflush(stdout);
}

void WriteJson(const Record& record, const moba_engine_info& engine, const Arguments& arguments,
               std::FILE* file) {
  const Shape& shape = record.measured_case.shape;
  const auto text = [&](const char* key, const char* value) {
    std::fprintf(file, "\"%s\": \"%s\", ", key, value);
  };
  const auto whole = [&](const char* key, int64_t value) {
    std::fprintf(file, "\"%s\": %lld, ", key, static_cast<long long>(value));
  };
  const auto number = [&](const char* key, double value) {
    std::fprintf(file, "\"%s\": %.6g, ", key, value);
  };
  std::fputc('{', file);
  text("case", shape.name.c_str());
  text("backend", engine.name);
  text("device", engine.device);
  text("dtype", NameOfDtype(record.dtype));
  whole("tokens", shape.tokens);
  whole("queries", shape.Queries());
  whole("heads", shape.heads);
  whole("kv_heads", shape.kv_heads);
  whole("head_dim", shape.head_dim);
  whole("block_size", shape.block_size);
  whole("top_k", shape.top_k);
  text("direction", record.measured_case.route ? "route" : "forward");
  whole("threads", arguments.threads);
  text("clock", arguments.clock == Clock::kWall ? "wall" : "cpu");
  number("milliseconds", 1e3 * record.measured.seconds);
  number("useful_gflop", record.useful_gflop);
  number("gflops", record.Gflops());
  number("peak_gflops", record.peak_gflops);
  number("share_of_peak", record.Gflops() / record.peak_gflops);
  if (record.bf16_peak_gflops > 0) number("bf16_peak_gflops", record.bf16_peak_gflops);
  if (record.bytes > 0) {
    whole("bytes", static_cast<int64_t>(record.bytes));
    number("gigabytes_per_second", record.GigabytesPerSecond());
    number("read_gigabytes_per_second", record.read_gigabytes_per_second);
    number("share_of_read", record.GigabytesPerSecond() / record.read_gigabytes_per_second);
  }
  whole("peak_bytes", record.peak_bytes);
  whole("runs", record.measured.runs);
  std::fprintf(file, "\"steady\": %s}\n", record.measured.steady ? "true" : "false");
  std::fflush(file);
}

}  // namespace moba_bench
