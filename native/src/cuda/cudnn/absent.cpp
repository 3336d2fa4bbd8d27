// In place of graph.cpp and library.cpp where there are no headers of cuDNN.
#include <cstdio>

#include "cuda/cudnn/graph.h"

namespace moba::cuda::cudnn {

std::unique_ptr<Graph> BuildGraph(const Shape& /*shape*/) { return nullptr; }

std::string Absence() { return "this was built without cuDNN's headers"; }

void DescribeLibrary(char* text, size_t size) {
  std::snprintf(text, size, "own kernels for full attention: built without cuDNN's headers");
}

}  // namespace moba::cuda::cudnn
