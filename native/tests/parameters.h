// Parameters of the grid tests: a named problem, run on every instruction set.
#ifndef MOBA_TESTS_PARAMETERS_H_
#define MOBA_TESTS_PARAMETERS_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "engines.h"
#include "oracle.h"
#include "run.h"
#include "storage.h"

namespace moba_test {

// A problem without data, and how to run it.
struct GridCase {
  std::string name;
  Problem problem;
  RunOptions run;
};

// Values as long as keys.
inline Problem MakeProblem(int32_t dtype, int64_t heads, int64_t kv_heads, int64_t head_dim,
                           std::vector<Lengths> sequences, const moba_options& options) {
  Problem problem;
  problem.dtype = dtype;
  problem.heads = heads;
  problem.kv_heads = kv_heads;
  problem.head_dim = head_dim;
  problem.head_dim_v = head_dim;
  problem.sequences = std::move(sequences);
  problem.options = options;
  return problem;
}

// A part of a case's name.
inline std::string Name(const char* letter, int64_t value) {
  return std::string(letter) + std::to_string(value);
}

inline void PrintTo(const GridCase& grid_case, std::ostream* out) { *out << grid_case.name; }

using TargetAndCase = std::tuple<int32_t, GridCase>;

class TargetTest : public testing::TestWithParam<int32_t> {
 protected:
  const moba_engine* Engine(int32_t threads = 2) const { return SharedEngine(GetParam(), threads); }
};

class GridTest : public testing::TestWithParam<TargetAndCase> {
 protected:
  const moba_engine* Engine() const { return SharedEngine(std::get<0>(GetParam())); }
  const GridCase& Case() const { return std::get<1>(GetParam()); }
};

inline std::string TargetTestName(const testing::TestParamInfo<int32_t>& info) {
  return TargetName(info.param);
}

inline std::string GridTestName(const testing::TestParamInfo<TargetAndCase>& info) {
  return TargetName(std::get<0>(info.param)) + "_" + std::get<1>(info.param).name;
}

// All cases, or every seventh in a reduced run.
inline std::vector<GridCase> Thinned(const std::vector<GridCase>& cases) {
  if (!Reduced()) return cases;
  std::vector<GridCase> thinned;
  for (size_t i = 0; i < cases.size(); i += 7) thinned.push_back(cases[i]);
  return thinned;
}

inline const std::vector<int32_t> kStorageDtypes = {MOBA_F32, MOBA_F16, MOBA_BF16};

// Runs the tests of `suite`, a TargetTest, on every available instruction set.
#define MOBA_INSTANTIATE_TARGETS(suite)                                               \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(moba_test::AvailableTargets()), \
                           moba_test::TargetTestName)

// Runs the tests of `suite`, a GridTest, with `cases` on every available instruction set.
#define MOBA_INSTANTIATE_GRID(name, suite, cases)                                             \
  INSTANTIATE_TEST_SUITE_P(name, suite,                                                       \
                           testing::Combine(testing::ValuesIn(moba_test::AvailableTargets()), \
                                            testing::ValuesIn(moba_test::Thinned(cases))),    \
                           moba_test::GridTestName)

}  // namespace moba_test

#endif  // MOBA_TESTS_PARAMETERS_H_
