// What moba_bench is asked to do.
#ifndef MOBA_BENCH_ARGUMENTS_H_
#define MOBA_BENCH_ARGUMENTS_H_

#include <cstdint>
#include <regex>
#include <string>
#include <vector>

#include "moba/moba.h"
#include "stopwatch.h"

namespace moba_bench {

struct Arguments {
  std::regex cases{""};
  int threads = 1;
  int32_t target = MOBA_CPU_AUTO;
  std::vector<int32_t> dtypes = {MOBA_F32};
  double seconds = 2;
  Clock clock = Clock::kWall;
  std::string json;
};

// Throws std::invalid_argument with a sentence.
Arguments ParseArguments(int argc, char** argv);

// enum moba_cpu_target of a name like "avx2"; throws std::invalid_argument.
int32_t TargetOf(const std::string& name);

// "f32", "f16" or "bf16".
const char* NameOfDtype(int32_t dtype);

}  // namespace moba_bench

#endif  // MOBA_BENCH_ARGUMENTS_H_
