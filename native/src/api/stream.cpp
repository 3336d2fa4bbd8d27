// Entry points for streams and events of an engine's device.
#include "api/device.h"

using moba::api::CheckHandle;
using moba::api::CheckResult;
using moba::api::FromDevice;
using moba::api::OnDevice;
using moba::core::DeviceBackend;

extern "C" {

int32_t moba_stream_create(const moba_engine* engine, void** stream) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckResult("stream", stream)) return status;
    return FromDevice(device.stream_create(ordinal, stream));
  });
}

int32_t moba_stream_destroy(const moba_engine* engine, void* stream) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    return stream == nullptr ? MOBA_OK : FromDevice(device.stream_destroy(ordinal, stream));
  });
}

int32_t moba_stream_synchronize(const moba_engine* engine, void* stream) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    return FromDevice(device.stream_synchronize(ordinal, stream));
  });
}

int32_t moba_stream_query(const moba_engine* engine, void* stream, int32_t* done) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckResult("done", done)) return status;
    return FromDevice(device.stream_query(ordinal, stream, done));
  });
}

int32_t moba_stream_wait_event(const moba_engine* engine, void* stream, void* event) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckHandle("event", event)) return status;
    return FromDevice(device.stream_wait_event(ordinal, stream, event));
  });
}

int32_t moba_event_create(const moba_engine* engine, void** event) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckResult("event", event)) return status;
    return FromDevice(device.event_create(ordinal, event));
  });
}

int32_t moba_event_destroy(const moba_engine* engine, void* event) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    return event == nullptr ? MOBA_OK : FromDevice(device.event_destroy(ordinal, event));
  });
}

int32_t moba_event_record(const moba_engine* engine, void* event, void* stream) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckHandle("event", event)) return status;
    return FromDevice(device.event_record(ordinal, event, stream));
  });
}

int32_t moba_event_synchronize(const moba_engine* engine, void* event) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckHandle("event", event)) return status;
    return FromDevice(device.event_synchronize(ordinal, event));
  });
}

int32_t moba_event_query(const moba_engine* engine, void* event, int32_t* done) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckHandle("event", event)) return status;
    if (const int32_t status = CheckResult("done", done)) return status;
    return FromDevice(device.event_query(ordinal, event, done));
  });
}

int32_t moba_event_elapsed(const moba_engine* engine, void* start, void* end, float* milliseconds) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckHandle("start", start)) return status;
    if (const int32_t status = CheckHandle("end", end)) return status;
    if (const int32_t status = CheckResult("milliseconds", milliseconds)) return status;
    return FromDevice(device.event_elapsed(ordinal, start, end, milliseconds));
  });
}

}  // extern "C"
