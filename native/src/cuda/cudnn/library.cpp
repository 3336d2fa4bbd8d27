#include "cuda/cudnn/library.h"

#include <cudnn_frontend.h>
#include <dlfcn.h>

#include <cstdio>
#include <exception>

#include "cuda/cudnn/graph.h"

// Where cuDNN's frontend looks its functions up.
void* cudnn_frontend::cudnn_dlhandle = nullptr;

namespace moba::cuda::cudnn {
namespace {

constexpr char kFile[] = "libcudnn.so.9";
// The first without the faults of attention that the frontend knows of in 9.10.0 and 9.10.1.
constexpr int kLeastVersion = 91002;

std::string Name(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

// The frontend calls the shared library of the CUDA runtime, beside which our own is static.
bool HasRuntime() {
  try {
    namespace detail = cudnn_frontend::detail;
    return detail::get_cuda_symbol(detail::CudaLibrary::CUDART, "cudaGetDevice") != nullptr;
  } catch (const std::exception&) {
    return false;
  }
}

Library Load() {
  Library library;
  void* const handle = dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    library.absence = std::string(kFile) + " was not found";
    return library;
  }
  const auto version = reinterpret_cast<size_t (*)()>(dlsym(handle, "cudnnGetVersion"));
  library.version = version == nullptr ? 0 : static_cast<int>(version());
  if (library.version < kLeastVersion) {
    library.absence = std::string(kFile) + " is " + Name(library.version) + ", expected at least " +
                      Name(kLeastVersion);
  } else if (!HasRuntime()) {
    library.absence = "libcudart.so.12 or .13, which cuDNN needs, was not found";
  }
  cudnn_frontend::cudnn_dlhandle = handle;
  return library;
}

}  // namespace

const Library& TheLibrary() {
  static const Library library = Load();
  return library;
}

std::string Absence() { return TheLibrary().absence; }

void DescribeLibrary(char* text, size_t size) {
  const Library& library = TheLibrary();
  if (library.absence.empty()) {
    std::snprintf(text, size, "cuDNN %s for full attention", Name(library.version).c_str());
  } else {
    std::snprintf(text, size, "own kernels for full attention: %s", library.absence.c_str());
  }
}

}  // namespace moba::cuda::cudnn
