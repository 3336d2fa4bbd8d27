// libcudnn.so.9, loaded on first use: nothing is linked to it.
#pragma once

#include <string>

namespace moba::cuda::cudnn {

struct Library {
  int version = 0;      // as cudnnGetVersion counts: 9.28.0 is 92800
  std::string absence;  // why it cannot be used; empty if it can
};

const Library& TheLibrary();

}  // namespace moba::cuda::cudnn
