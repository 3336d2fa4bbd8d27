// Validation of one tensor: from a moba_tensor and a data pointer to rows that kernels may trust.
#pragma once

#include <cstdint>

#include "api/error.h"
#include "core/problem.h"

namespace moba::api {

// What is done with a tensor: outputs must not overlap, and of a shape only the description counts.
enum class Role { kInput, kOutput, kShapeOnly };

// Where a tensor's memory is: an enum moba_device_type and an ordinal.
struct Device {
  int32_t type = MOBA_DEVICE_CPU;
  int32_t id = 0;
};

// What a tensor has to look like. Names in `axes` go into the sentences.
struct Expected {
  const char* name;  // "q"
  Role role;
  int32_t dtype;   // enum moba_dtype
  bool batched;    // has a leading batch axis
  int64_t batch;   // -1: any
  int64_t tokens;  // -1: any
  int64_t heads;
  int64_t channels;  // 0: no channel axis (lse); -1: any number, any stride (selected)
  Device device = {};
};

// A validated tensor; `data` is null when it is absent.
struct Tensor {
  const char* name = nullptr;
  core::RowView<char> rows;
  int64_t batch = 1;
  int64_t tokens = 0;
  int64_t heads = 0;
  int64_t channels = 0;
  // Bytes it spans, as addresses: [low, high). Empty when it has no elements.
  uintptr_t low = 0;
  uintptr_t high = 0;

  core::InputRows Input() const {
    return {rows.data,         rows.element_size, rows.batch_stride,
            rows.token_stride, rows.head_stride,  rows.channel_stride};
  }
};

// Element size in bytes, or 0 for an unknown dtype.
int64_t ElementSize(int32_t dtype);
const char* DTypeName(int32_t dtype);

// A description of the current version, on this device.
int32_t CheckPlacement(const char* name, const moba_tensor& tensor, const Device& device);

// Where the data begins: not NULL, aligned to the element size.
int32_t ReadAddress(const char* name, const moba_tensor& tensor, const void* data,
                    uintptr_t& address);

// Validates everything about one tensor that can be said without its neighbours.
int32_t ReadTensor(const Expected& expected, const moba_tensor& tensor, const void* data,
                   Tensor& result);

// `bytes` bytes of contiguous memory as a tensor, for comparing with others.
Tensor Contiguous(const char* name, const void* data, int64_t bytes);

// Fails when an output shares memory with another tensor. Interleaved views of one buffer, such as
// the parts of a fused projection, are told apart.
int32_t CheckApart(const Tensor& output, const Tensor& other);

}  // namespace moba::api
