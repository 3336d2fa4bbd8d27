// How the tables of bad arguments are made (section 7 of the specification): each row spoils one
// argument of a valid call and says how the answer names it.
#ifndef MOBA_TESTS_BAD_ARGUMENT_H_
#define MOBA_TESTS_BAD_ARGUMENT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <ostream>
#include <regex>
#include <string>

#include "engines.h"

namespace moba_test {

// One bad argument of something of type T.
template <typename T>
struct Bad {
  std::string name;
  std::function<void(T&)> spoil;
  std::string argument;  // regular expression for what the sentence calls it
  std::string value;     // regular expression for what it was; "" where no value says it
};

template <typename T>
void PrintTo(const Bad<T>& bad, std::ostream* out) {
  *out << bad.name;
}

template <typename T>
std::string BadName(const testing::TestParamInfo<Bad<T>>& info) {
  return info.param.name;
}

// The sentence names the argument and its value and says what was expected.
inline void ExpectSentence(const std::string& sentence, const std::string& argument,
                           const std::string& value) {
  const auto says = [&](const std::string& what) {
    const std::regex word("(^|[^A-Za-z0-9_])(" + what + ")($|[^A-Za-z0-9_])");
    return std::regex_search(sentence, word);
  };
  EXPECT_TRUE(says(argument)) << "\"" << sentence << "\" does not name " << argument;
  if (!value.empty()) {
    EXPECT_TRUE(says(value)) << "\"" << sentence << "\" does not say it was " << value;
  }
  EXPECT_TRUE(says("expected")) << "\"" << sentence << "\" does not say what was expected";
  EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
  EXPECT_LT(sentence.size(), 400u) << sentence;
}

inline const moba_engine* AnyEngine() { return SharedEngine(MOBA_CPU_AUTO); }

// Products with it do not fit 64 bits.
inline constexpr int64_t kHuge = int64_t{1} << 62;

// How a sentence may call a null pointer.
inline const char kNull[] = "NULL|null";

inline void* Add(const void* address, int64_t bytes) {
  return const_cast<char*>(static_cast<const char*>(address)) + bytes;
}

}  // namespace moba_test

#endif  // MOBA_TESTS_BAD_ARGUMENT_H_
