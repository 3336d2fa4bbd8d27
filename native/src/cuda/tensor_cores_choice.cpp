#include "cuda/tensor_cores_choice.h"

#include <cstdlib>
#include <optional>

namespace moba::cuda {
namespace {

constexpr char kVariable[] = "MOBA_CUDA_TENSOR_CORES";
constexpr const char* kNames[] = {"none", "ampere", "hopper"};  // in the order of TensorCores

}  // namespace

TensorCoresChoice ChooseTensorCores(TensorCores of_device, const char* name) {
  if (name == nullptr) return {of_device, ""};
  std::string expected;
  for (int32_t cores = 0; cores <= static_cast<int32_t>(of_device); ++cores) {
    if (kNames[cores] == std::string(name)) return {static_cast<TensorCores>(cores), ""};
    expected += std::string(expected.empty() ? "" : " or ") + kNames[cores];
  }
  return {TensorCores::kNone,
          std::string(kVariable) + " is " + name + ", expected " + expected + " on this device"};
}

const char* ChosenTensorCores() {
  static const auto chosen = []() -> std::optional<std::string> {
    const char* const name = std::getenv(kVariable);
    if (name == nullptr) return std::nullopt;
    return name;
  }();
  return chosen ? chosen->c_str() : nullptr;
}

}  // namespace moba::cuda
