// Entry points for graphs: work of a stream, recorded and launched again.
#include "api/device.h"

using moba::api::CheckHandle;
using moba::api::CheckResult;
using moba::api::FromDevice;
using moba::api::OnDevice;
using moba::core::DeviceBackend;

extern "C" {

int32_t moba_graph_begin(const moba_engine* engine, void* stream) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckHandle("stream", stream)) return status;
    return FromDevice(device.graph_begin(ordinal, stream));
  });
}

int32_t moba_graph_end(const moba_engine* engine, void* stream, void** graph) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckHandle("stream", stream)) return status;
    if (const int32_t status = CheckResult("graph", graph)) return status;
    return FromDevice(device.graph_end(ordinal, stream, graph));
  });
}

int32_t moba_graph_launch(const moba_engine* engine, void* graph, void* stream) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    if (const int32_t status = CheckHandle("graph", graph)) return status;
    return FromDevice(device.graph_launch(ordinal, graph, stream));
  });
}

int32_t moba_graph_destroy(const moba_engine* engine, void* graph) {
  return OnDevice(engine, [&](const DeviceBackend& device, int32_t ordinal) {
    return graph == nullptr ? MOBA_OK : FromDevice(device.graph_destroy(ordinal, graph));
  });
}

}  // extern "C"
