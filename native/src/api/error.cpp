#include "api/error.h"

#include <cstdarg>
#include <cstdio>
#include <exception>
#include <new>
#include <system_error>

namespace moba::api {
namespace {

thread_local char last_error[512] = "";

}  // namespace

int32_t Fail(moba_status status, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return status;
}

int32_t FailFromException() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Fail(MOBA_OUT_OF_MEMORY, "the library could not allocate memory for its own records");
  } catch (const std::system_error& error) {
    return Fail(MOBA_OUT_OF_MEMORY, "a thread of the engine could not be started: %s",
                error.what());
  } catch (const std::exception& error) {
    return Fail(MOBA_INTERNAL, "unexpected error inside the library: %s", error.what());
  } catch (...) {
    return Fail(MOBA_INTERNAL, "unexpected error inside the library");
  }
}

}  // namespace moba::api

extern "C" {

const char* moba_last_error(void) { return moba::api::last_error; }

const char* moba_status_name(int32_t status) {
  switch (status) {
    case MOBA_OK:
      return "MOBA_OK";
    case MOBA_INVALID_ARGUMENT:
      return "MOBA_INVALID_ARGUMENT";
    case MOBA_UNSUPPORTED:
      return "MOBA_UNSUPPORTED";
    case MOBA_OUT_OF_MEMORY:
      return "MOBA_OUT_OF_MEMORY";
    case MOBA_CANCELLED:
      return "MOBA_CANCELLED";
    case MOBA_CLOSED:
      return "MOBA_CLOSED";
    case MOBA_BUSY:
      return "MOBA_BUSY";
    case MOBA_INTERNAL:
      return "MOBA_INTERNAL";
    case MOBA_DEVICE_ERROR:
      return "MOBA_DEVICE_ERROR";
    default:
      return "unknown status";
  }
}

}  // extern "C"
