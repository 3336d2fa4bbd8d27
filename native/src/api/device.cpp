#include "api/device.h"

namespace moba::api {

Device DeviceOf(const Engine& engine) {
  if (engine.device == nullptr) return {};
  return {MOBA_DEVICE_CUDA, engine.ordinal};
}

int32_t CheckStream(const Engine& engine, const void* stream) {
  if (stream == nullptr || engine.device != nullptr) return MOBA_OK;
  return Fail(MOBA_INVALID_ARGUMENT, "stream is not NULL, expected NULL on the CPU");
}

int32_t FromDevice(const core::DeviceResult& result) {
  switch (result.status) {
    case core::DeviceStatus::kOk:
      return MOBA_OK;
    case core::DeviceStatus::kOutOfMemory:
      return Fail(MOBA_OUT_OF_MEMORY, "%s", result.text);
    default:
      return Fail(MOBA_DEVICE_ERROR, "%s", result.text);
  }
}

}  // namespace moba::api
