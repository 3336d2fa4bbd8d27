#include "placement.h"

namespace moba_test {

void Placement::MoveTo(const moba_engine* engine, std::initializer_list<moba_tensor*> tensors) {
  moba_engine_info info = {};
  info.struct_size = sizeof info;
  ThrowUnlessOk(moba_engine_get_info(engine, &info));
  if (info.backend != MOBA_BACKEND_CUDA) return;
  engine_ = engine;
  for (moba_tensor* tensor : tensors) {
    tensor->device_type = MOBA_DEVICE_CUDA;
    tensor->device_id = info.device_id;
  }
}

void Placement::Add(const GuardedMemory& memory) {
  if (engine_ != nullptr) copies_.emplace_back(engine_, memory);
}

void Placement::Upload() const {
  for (const Copy& copy : copies_) {
    ThrowUnlessOk(
        moba_memory_copy(engine_, copy.device.get(), copy.host.pages(), copy.Bytes(), nullptr));
  }
  if (engine_ != nullptr) ThrowUnlessOk(moba_stream_synchronize(engine_, nullptr));
}

void Placement::Download(void* stream) const {
  for (const Copy& copy : copies_) {
    ThrowUnlessOk(
        moba_memory_copy(engine_, copy.host.pages(), copy.device.get(), copy.Bytes(), stream));
  }
  if (engine_ != nullptr) ThrowUnlessOk(moba_stream_synchronize(engine_, stream));
}

const void* Placement::AddressOf(const void* host) const {
  const auto* byte = static_cast<const unsigned char*>(host);
  for (const Copy& copy : copies_) {
    if (byte >= copy.host.pages() && byte <= copy.host.pages() + copy.host.pages_size()) {
      return copy.device.as<const unsigned char>() + (byte - copy.host.pages());
    }
  }
  return host;
}

}  // namespace moba_test
