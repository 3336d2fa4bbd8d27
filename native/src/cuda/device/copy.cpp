#include "cuda/device/copy.h"

#include <cuda_runtime_api.h>

namespace moba::cuda {
namespace {

constexpr int64_t kAlignment = 16;
constexpr int64_t kMostExtent = int64_t{1} << 31;
constexpr int64_t kMostStrideBytes = int64_t{1} << 40;

// The driver's function, asked for at run time: the library loads where there is no driver.
auto Encoder() {
  static const auto encoder = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
    const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function,
                                                               12000, cudaEnableDefault, &found);
    const bool there = error == cudaSuccess && found == cudaDriverEntryPointSuccess;
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(there ? function : nullptr);
  }();
  return encoder;
}

}  // namespace

bool MakeTensorMap(const core::InputRows& rows, const TensorExtent& extent, int box_tokens,
                   TensorMap& result) {
  struct Axis {
    int64_t size;
    int64_t stride;
  };
  const Axis axes[] = {{extent.heads, rows.head_stride},
                       {extent.tokens, rows.token_stride},
                       {extent.batches, rows.batch_stride}};
  cuuint64_t sizes[4] = {static_cast<cuuint64_t>(extent.channels)};
  cuuint64_t strides[3];
  for (int i = 0; i < 3; ++i) {
    // The stride of a single row means nothing, and any valid one will do.
    const int64_t bytes = axes[i].size > 1 ? axes[i].stride * rows.element_size : kAlignment;
    if (bytes <= 0 || bytes % kAlignment != 0 || bytes >= kMostStrideBytes ||
        axes[i].size > kMostExtent) {
      return false;
    }
    sizes[i + 1] = static_cast<cuuint64_t>(axes[i].size);
    strides[i] = static_cast<cuuint64_t>(bytes);
  }
  if (reinterpret_cast<uintptr_t>(rows.data) % kAlignment != 0 || Encoder() == nullptr)
    return false;
  const cuuint32_t box[4] = {kBoxChannels, 1, static_cast<cuuint32_t>(box_tokens), 1};
  const cuuint32_t steps[4] = {1, 1, 1, 1};
  // Elements are moved, not computed with: bfloat16 stands for both types of 16 bits.
  return Encoder()(&result.map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4, const_cast<char*>(rows.data),
                   sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                   CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
                   CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

}  // namespace moba::cuda
