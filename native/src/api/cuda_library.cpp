#include "api/cuda_library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>

#include "moba/moba.h"

namespace moba::api {
namespace {

constexpr char kFile[] = "libmoba_cuda.so";

std::string Path() {
  if (const char* named = std::getenv("MOBA_CUDA_LIBRARY")) return named;
  Dl_info self = {};
  if (dladdr(reinterpret_cast<const void*>(&moba_abi_version), &self) == 0) return kFile;
  const std::string file = self.dli_fname;
  return file.substr(0, file.rfind('/') + 1) + kFile;
}

CudaLibrary Load() {
  const std::string path = Path();
  if (access(path.c_str(), R_OK) != 0) {
    return {nullptr, "there is no file " + path + ", which a build with -DMOBA_CUDA=ON makes"};
  }
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {nullptr, dlerror()};
  using Table = const core::DeviceBackend* (*)();
  const auto table = reinterpret_cast<Table>(dlsym(library, core::kDeviceBackendSymbol));
  const core::DeviceBackend* backend = table == nullptr ? nullptr : table();
  const core::DeviceBackend own = {};
  if (backend == nullptr || backend->version != own.version ||
      backend->problem_size != own.problem_size || backend->shape_size != own.shape_size ||
      backend->sequence_size != own.sequence_size || backend->merge_size != own.merge_size) {
    dlclose(library);
    return {nullptr, path + " is of another version than this library"};
  }
  return {backend, ""};
}

}  // namespace

const CudaLibrary& Cuda() {
  static const CudaLibrary library = Load();
  return library;
}

}  // namespace moba::api
