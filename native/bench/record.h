// The result of a case, as a line of a table and as a line of JSON.
#ifndef MOBA_BENCH_RECORD_H_
#define MOBA_BENCH_RECORD_H_

#include <cstdint>
#include <cstdio>

#include "arguments.h"
#include "cases.h"
#include "measure.h"
#include "moba/moba.h"

namespace moba_bench {

struct Record {
  Case measured_case;
  int32_t dtype;
  Measured measured;
  double useful_gflop;
  double peak_gflops;
  double bf16_peak_gflops;  // 0: not measured
  double bytes;             // that must be read; 0: not judged by them
  double read_gigabytes_per_second;
  int64_t peak_bytes;  // of memory, of the whole process

  double Gflops() const { return useful_gflop / measured.seconds; }
  double GigabytesPerSecond() const { return bytes / 1e9 / measured.seconds; }
};

void PrintHead(const moba_engine_info& engine, const Arguments& arguments);
void Print(const Record& record);
void WriteJson(const Record& record, const moba_engine_info& engine, const Arguments& arguments,
               std::FILE* file);

}  // namespace moba_bench

#endif  // MOBA_BENCH_RECORD_H_
