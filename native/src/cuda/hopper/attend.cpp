#include "cuda/hopper/attend.h"

#include "cuda/device/copy.h"

namespace moba::cuda::hopper {

bool Reaches(const AttendArguments& arguments, const TensorExtent& keys) {
  TensorMap map;
  return MakeTensorMap(arguments.k, keys, 1, map) && MakeTensorMap(arguments.v, keys, 1, map);
}

}  // namespace moba::cuda::hopper
