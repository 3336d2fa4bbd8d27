// MOBA_CUDA_TENSOR_CORES: what may be chosen on which device.
#include "cuda/tensor_cores_choice.h"

#include <gtest/gtest.h>

namespace moba_test {
namespace {

using moba::cuda::ChooseTensorCores;
using moba::cuda::TensorCores;

TEST(TensorCoresChoice, WithoutANameIsTheDevices) {
  for (const TensorCores own : {TensorCores::kNone, TensorCores::kAmpere, TensorCores::kHopper}) {
    EXPECT_EQ(ChooseTensorCores(own, nullptr).tensor_cores, own);
    EXPECT_EQ(ChooseTensorCores(own, nullptr).fault, "");
  }
}

TEST(TensorCoresChoice, IsOfWhatTheDeviceHas) {
  for (const auto& [name, cores] : {std::pair<const char*, TensorCores>{"none", TensorCores::kNone},
                                    {"ampere", TensorCores::kAmpere},
                                    {"hopper", TensorCores::kHopper}}) {
    EXPECT_EQ(ChooseTensorCores(TensorCores::kHopper, name).tensor_cores, cores);
    EXPECT_EQ(ChooseTensorCores(TensorCores::kHopper, name).fault, "");
  }
  EXPECT_EQ(ChooseTensorCores(TensorCores::kAmpere, "ampere").tensor_cores, TensorCores::kAmpere);
}

TEST(TensorCoresChoice, OfAnythingElseIsRefusedInOneSentence) {
  EXPECT_EQ(ChooseTensorCores(TensorCores::kHopper, "turing").fault,
            "MOBA_CUDA_TENSOR_CORES is turing, expected none or ampere or hopper on this device");
  EXPECT_EQ(ChooseTensorCores(TensorCores::kAmpere, "hopper").fault,
            "MOBA_CUDA_TENSOR_CORES is hopper, expected none or ampere on this device");
  EXPECT_EQ(ChooseTensorCores(TensorCores::kNone, "").fault,
            "MOBA_CUDA_TENSOR_CORES is , expected none on this device");
}

}  // namespace
}  // namespace moba_test
