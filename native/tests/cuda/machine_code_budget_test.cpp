// machine_code_budget.tsv has the dynamic shared memory that the launches of kernels ask for. The
// rest of the table is compared with the machine code, by machine_code_test.py.
#include <cxxabi.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <regex>
#include <set>
#include <sstream>

#include "cuda/device/thread.h"

namespace moba_test {
namespace {

// As in the table.
std::string KernelName(const std::string& mangled) {
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, nullptr), &std::free);
  return std::regex_replace(name.get(), std::regex("moba::cuda::|\\(anonymous namespace\\)::| "),
                            "");
}

TEST(MachineCodeBudget, HasTheDynamicSharedMemoryOfEachKernel) {
  std::map<std::string, int64_t> expected;
  for (const auto& [name, bytes] : moba::cuda::DynamicSharedBytes()) {
    if (name.find("moba_test") == std::string::npos) expected[KernelName(name)] = bytes;
  }
  EXPECT_GT(expected.size(), 40u);

  std::ifstream table(MOBA_MACHINE_CODE_BUDGET);
  std::string line;
  std::getline(table, line);
  ASSERT_EQ(line, "compiler\tkernel\tarchitecture\tregisters\tstatic\tdynamic\thmma\thgmma");
  std::set<std::string> missing;
  for (const auto& [kernel, bytes] : expected) missing.insert(kernel);
  while (std::getline(table, line)) {
    std::istringstream row(line);
    std::string compiler, kernel, architecture;
    int64_t registers, in_code, dynamic;
    row >> compiler >> kernel >> architecture >> registers >> in_code >> dynamic;
    ASSERT_TRUE(row.good()) << line;
    EXPECT_EQ(dynamic, expected.count(kernel) == 0 ? 0 : expected[kernel]) << kernel;
    missing.erase(kernel);
  }
  EXPECT_EQ(missing, std::set<std::string>()) << "no row";
}

}  // namespace
}  // namespace moba_test
