// The status and the sentence that every failing entry point leaves behind.
#pragma once

#include <cstdint>

#include "moba/moba.h"

namespace moba::api {

// Sets this thread's sentence and returns `status`.
[[gnu::format(printf, 2, 3)]] int32_t Fail(moba_status status, const char* format, ...);

// Turns the exception being handled into a status.
int32_t FailFromException();

// Calls `function`; no exception leaves the library.
template <typename Function>
int32_t Guarded(const Function& function) {
  try {
    return function();
  } catch (...) {
    return FailFromException();
  }
}

}  // namespace moba::api
