#include "arguments.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace moba_bench {
namespace {

struct Name {
  const char* text;
  int32_t value;
};
constexpr Name kTargets[] = {{"auto", MOBA_CPU_AUTO},
                             {"baseline", MOBA_CPU_BASELINE},
                             {"avx2", MOBA_CPU_AVX2},
                             {"avx512", MOBA_CPU_AVX512},
                             {"neon", MOBA_CPU_NEON}};
constexpr Name kDtypes[] = {{"f32", MOBA_F32}, {"f16", MOBA_F16}, {"bf16", MOBA_BF16}};

template <size_t n>
int32_t ValueOf(const Name (&names)[n], const std::string& option, const std::string& text) {
  for (const Name& name : names) {
    if (text == name.text) return name.value;
  }
  throw std::invalid_argument(option + " does not know " + text);
}

std::vector<int32_t> DtypesOf(const std::string& option, const std::string& list) {
  std::vector<int32_t> dtypes;
  std::istringstream names(list);
  for (std::string name; std::getline(names, name, ',');) {
    dtypes.push_back(ValueOf(kDtypes, option, name));
  }
  return dtypes;
}

}  // namespace

Arguments ParseArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    if (i + 1 == argc) throw std::invalid_argument(option + " needs a value");
    const std::string value = argv[i + 1];
    if (option == "--case") {
      arguments.cases = std::regex(value);
    } else if (option == "--threads") {
      arguments.threads = std::max(1, std::stoi(value));
    } else if (option == "--target") {
      arguments.target = TargetOf(value);
    } else if (option == "--dtype") {
      arguments.dtypes = DtypesOf(option, value);
    } else if (option == "--seconds") {
      arguments.seconds = std::stod(value);
    } else if (option == "--clock") {
      if (value != "wall" && value != "cpu") throw std::invalid_argument("--clock is wall or cpu");
      arguments.clock = value == "cpu" ? Clock::kCpu : Clock::kWall;
    } else if (option == "--json") {
      arguments.json = value;
    } else {
      throw std::invalid_argument("unknown option " + option);
    }
  }
  return arguments;
}

int32_t TargetOf(const std::string& name) { return ValueOf(kTargets, "--target", name); }

const char* NameOfDtype(int32_t dtype) {
  for (const Name& name : kDtypes) {
    if (dtype == name.value) return name.text;
  }
  return "unknown";
}

}  // namespace moba_bench
