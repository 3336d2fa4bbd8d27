// What kind of device is emulated.
#pragma once

namespace moba::cuda {

// Whether it runs kernels for Hopper. At first, whether the environment has MOBA_EMULATED_HOPPER.
extern bool emulated_hopper;

}  // namespace moba::cuda
